#!/bin/bash
# The container of a real hypervisor (profile `libvirt`): libvirtd, the public network's bridge, and the agents of such a host.
set -euo pipefail

DEVSTACK=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
PROJECT=$(dirname "$DEVSTACK")
for part in common config hypervisor hostnet; do
    # shellcheck source=/dev/null
    . "$DEVSTACK/lib/$part.sh"
done
exec 3>&2
# shellcheck disable=SC2034  # config_load reads it
LOCAL_CONF=/dev/null
config_load
hostnet_make
# what ran in this container before it was stopped is no more, as after a power cut; domains are kept in STATE_DIR
rm -rf /run/libvirt/* "$RUN_DIR"/*.pid
mkdir -p "$RUN_DIR"
libvirt_start
# shellcheck disable=SC2086  # a list
exec "$DEVSTACK/containers/serve.sh" --supervise $AGENT_DAEMONS
