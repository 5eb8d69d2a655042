#!/bin/bash
# The container of a real hypervisor (profile `libvirt`): libvirtd, and the two agents of such a host.
set -euo pipefail

# shellcheck source=/dev/null
. "$(dirname "${BASH_SOURCE[0]}")/../lib/hypervisor.sh"
qemu_conf >/etc/libvirt/qemu.conf
libvirtd --daemon
exec /opt/altostack/src/devstack/containers/serve.sh --supervise compute-agent network-agent
