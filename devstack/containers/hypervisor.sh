#!/bin/bash
# The container of a real hypervisor (profile `libvirt`): libvirtd, and the two agents of such a host.
set -euo pipefail

cat >/etc/libvirt/qemu.conf <<'CONF'
user = "root"
group = "root"
dynamic_ownership = 0
remember_owner = 0
security_driver = "none"
namespaces = []
cgroup_controllers = []
stdio_handler = "file"
CONF
libvirtd --daemon
exec /opt/altostack/src/devstack/containers/serve.sh --supervise compute-agent network-agent
