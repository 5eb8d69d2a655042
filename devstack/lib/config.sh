#!/bin/bash
# Settings: their defaults, devstack/local.conf over them, and the table of services and daemons.
# shellcheck disable=SC2034  # other files read these

# daemon|service|default port|kind: kind is api, worker or agent
DAEMON_TABLE="
identity-api|identity|5000|api
image-api|image|9292|api
image-conductor|image||worker
placement-api|scheduler|8778|api
scheduler|scheduler||worker
network-api|network|9696|api
network-conductor|network||worker
network-agent|network||agent
volume-api|volume|8776|api
volume-conductor|volume||worker
volume-agent|volume||agent
compute-api|compute|8774|api
compute-conductor|compute||worker
metadata-api|compute|8775|api
console-proxy|compute|6080|api
compute-agent|compute||agent
"

AGENT_DAEMONS="network-agent volume-agent compute-agent"

# Lines for local.conf: one option of one configuration file.
#   option compute-agent libvirt virt_type qemu      -> [libvirt] virt_type = qemu in compute-agent.conf
OPTIONS=()
option() { OPTIONS+=("$1|$2|$3|${*:4}"); }

config_defaults() {
    # Services of this machine, and daemons left out (space-separated).
    : "${SERVICES:=identity image scheduler network volume compute}"
    : "${WITHOUT_DAEMONS:=}"
    # Set on further machines: the address of the machine with the APIs; then only AGENTS start here.
    : "${SERVICE_HOST:=}"
    : "${AGENTS:=network-agent compute-agent}"
    : "${JOIN_FILE:=$ETC_DIR/join.conf}"
    : "${HOST_IP:=127.0.0.1}"
    : "${HOST_NAME:=$(uname -n)}"
    # the host that this machine's agents' accounts are for
    : "${AGENT_HOST:=$HOST_NAME}"
    : "${REGION:=RegionOne}"
    # Passwords; empty: random, kept in $ETC_DIR/.secrets
    : "${ADMIN_PASSWORD:=}" "${DEMO_PASSWORD:=}" "${SERVICE_PASSWORD:=}" "${DB_PASSWORD:=}" "${RABBIT_PASSWORD:=}"
    # Ports of what the services stand on
    : "${DB_PORT:=13306}" "${RABBIT_PORT:=15674}" "${MEMCACHED_PORT:=21211}" "${ISCSI_PORT:=13260}"
    # Drivers
    : "${HYPERVISOR:=libvirt}"       # libvirt or simulated
    : "${VIRT_TYPE:=auto}"           # auto (probe), kvm or qemu
    : "${SIMULATED_NODES:=100}"
    : "${VOLUME_DRIVER:=iscsi}"      # iscsi or simulated
    : "${NETWORK_DRIVER:=linux}"     # linux or simulated
    # Sizes
    : "${DB_BUFFER_POOL:=64M}" "${RABBIT_MEMORY:=512MB}" "${MEMCACHED_MB:=32}"
    : "${API_WORKERS:=1}" "${API_THREADS:=16}" "${WORKER_THREADS:=16}"
    # The public network, and where it leaves this machine
    : "${PUBLIC_BRIDGE:=br-ex}" "${PUBLIC_CIDR:=172.24.4.0/24}" "${PUBLIC_GATEWAY:=172.24.4.1}"
    : "${PUBLIC_POOL:=172.24.4.10-172.24.4.250}" "${PUBLIC_INTERFACE:=}"
    : "${PRIVATE_CIDR:=10.10.0.0/24}" "${PRIVATE_DNS:=}"
    : "${GUEST_IMAGE_NAME:=altostack-guest}"
    : "${DEBUG:=false}"
    : "${KSM:=true}"                 # merge equal pages of the daemons: see lib/memory.sh
    local name
    for name in SERVICES HYPERVISOR HOST_IP; do
        [ -n "${!name}" ] || { echo "local.conf: $name is empty" >&2; exit 2; }
    done
}

config_folders() {
    : "${DEST:=/opt/altostack}"
    : "${ETC_DIR:=/etc/altostack}" "${STATE_DIR:=/var/lib/altostack}" "${RUN_DIR:=/run/altostack}"
    : "${LOG_DIR:=/var/log/altostack}" "${CACHE_DIR:=/var/cache/altostack}"
    : "${CONSTRAINTS:=$PROJECT/constraints.txt}"
    VENV=$DEST/venv
    SECRETS=$ETC_DIR/.secrets
}

# Read local.conf (a bash file of NAME=value lines); a mistake in it is said with its line.
config_load() {
    local file=${LOCAL_CONF:-$DEVSTACK/local.conf} message
    if [ -e "$file" ]; then
        if ! message=$(bash -n "$file" 2>&1); then
            printf 'FAILED: %s is not valid: %s\n' "$file" "$message" >&2
            exit 2
        fi
        # shellcheck source=/dev/null
        . "$file"
    fi
    config_folders
    config_defaults
    config_check
}

config_check() {
    local service daemon
    config_one_of HYPERVISOR libvirt simulated
    config_one_of VIRT_TYPE auto kvm qemu
    config_one_of VOLUME_DRIVER iscsi simulated
    config_one_of NETWORK_DRIVER linux simulated
    [[ $RABBIT_PASSWORD != */* ]] || config_bad "RABBIT_PASSWORD has a slash, which oslo.messaging cannot pass on"
    for service in $SERVICES; do
        grep -q "|$service|" <<<"$DAEMON_TABLE" || config_bad "SERVICES names '$service', which is no service"
    done
    for daemon in $WITHOUT_DAEMONS $AGENTS; do
        grep -q "^$daemon|" <<<"$DAEMON_TABLE" || config_bad "'$daemon' is no daemon"
    done
}

config_one_of() {
    local name=$1 value=${!1}; shift
    [[ " $* " == *" $value "* ]] || config_bad "$name=$value; it can be: $*"
}

config_bad() { printf 'FAILED: local.conf: %s\n' "$*" >&2; exit 2; }

joining() { [ -n "$SERVICE_HOST" ]; }

# The addresses that servers for other machines listen on.
listen_addresses() { if [ "$HOST_IP" = 127.0.0.1 ]; then echo 127.0.0.1; else echo "127.0.0.1,$HOST_IP"; fi; }

# Where the APIs and RabbitMQ are, seen from this machine.
service_address() { echo "${SERVICE_HOST:-$HOST_IP}"; }

# Where APIs find memcached, which listens on this machine only.
memcached_host() { echo 127.0.0.1; }

# The daemons of this machine, in the order in which they start.
daemons() {
    local daemon service
    if joining; then echo "$AGENTS"; return; fi
    while IFS='|' read -r daemon service _; do
        [ -n "$daemon" ] || continue
        [[ " $SERVICES " == *" $service "* ]] || continue
        [[ " $WITHOUT_DAEMONS " == *" $daemon "* ]] && continue
        printf '%s ' "$daemon"
    done <<<"$DAEMON_TABLE"
}

daemon_service() { grep "^$1|" <<<"$DAEMON_TABLE" | cut -d'|' -f2; }
daemon_kind() { grep "^$1|" <<<"$DAEMON_TABLE" | cut -d'|' -f4; }

# The port of an API: IDENTITY_API_PORT and so on in local.conf, or the standard one.
daemon_port() {
    local name=${1^^}
    name=${name//-/_}_PORT
    [ "$(daemon_kind "$1")" = api ] || return 0
    echo "${!name:-$(grep "^$1|" <<<"$DAEMON_TABLE" | cut -d'|' -f3)}"
}

has_daemon() { [[ " $(daemons) " == *" $1 "* ]]; }
has_service() { [[ " $SERVICES " == *" $1 "* ]]; }
