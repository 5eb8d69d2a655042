#!/bin/bash
# Bring up the cloud on this machine: packages, database, messages, hypervisor, daemons, image, networks.
#
#   ./stack.sh              the whole cloud (or, with SERVICE_HOST in local.conf, agents that join another machine)
#   ./stack.sh --embedded   one process for one user: SQLite, simulated hypervisor, no root (the default without root)
#
# Settings stand in local.conf beside this file (see local.conf.sample). Safe to repeat; ./unstack.sh undoes it.
set -euo pipefail
umask 022
DEVSTACK=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
PROJECT=$(dirname "$DEVSTACK")
for part in common config packages python backends hypervisor databases machines configure daemons memory hostnet clients guest embedded; do
    # shellcheck source=/dev/null
    . "$DEVSTACK/lib/$part.sh"
done

contents() {
    env -u OS_CLOUD STACK_AUTH_URL="$(api_url identity-api)/v3" STACK_REGION="$REGION" STACK_SERVICES="$SERVICES" \
        STACK_ADMIN_PASSWORD="${SECRET[admin]}" STACK_DEMO_PASSWORD="${SECRET[demo]}" \
        STACK_IMAGE_FILE="$(guest_image)" STACK_IMAGE_NAME="$GUEST_IMAGE_NAME" STACK_PHYSICAL_NETWORK=public \
        STACK_PUBLIC_CIDR="$PUBLIC_CIDR" STACK_PUBLIC_GATEWAY="$PUBLIC_GATEWAY" STACK_PUBLIC_POOL="$PUBLIC_POOL" \
        STACK_PRIVATE_CIDR="$PRIVATE_CIDR" STACK_PRIVATE_DNS="$PRIVATE_DNS" STACK_VOLUME_BACKEND="$VOLUME_DRIVER" \
        STACK_WAIT_NETWORK="$(has_daemon network-agent && echo yes)" \
        STACK_WAIT_COMPUTE="$(has_daemon compute-agent && echo yes)" \
        "$VENV/bin/python" "$DEVSTACK/lib/contents.py" ||
        fail "the cloud's contents could not be made: $(tail -n 1 "$STEP_LOG" | cut -c1-300)" "$STEP_LOG" \
            "altostack status; then look for the request in $LOG_DIR (altostack trace REQUEST_ID)"
}

write_logins() { openrc_write; clouds_write; venv_link_commands; }

# The parts that daemons stand on start side by side.
start_control() {
    background MariaDB control_database
    background RabbitMQ rabbit_start
    background memcached start_memcached "$STATE_DIR/memcached" "$MEMCACHED_PORT"
    if [ "$HYPERVISOR" = libvirt ] && has_daemon compute-agent; then background libvirt libvirt_start; fi
    join
}

control_database() {
    start_mariadb "$STATE_DIR/mariadb" "$DB_PORT"
    databases_make
}

stack_control() {
    step "Passwords" secrets_make
    decide_hypervisor
    background guest-image guest_image_build
    step "MariaDB, RabbitMQ, memcached, libvirt" start_control_without_guest
    if has_daemon console-proxy; then step "noVNC" novnc_fetch; fi
    step "Configuration in $ETC_DIR" configure
    step "Schemas" schemas_upgrade
    step "Users and catalog" bootstrap
    start_agents_ground
    step "Daemons started" daemons_start
    step "Daemons answer" daemons_wait
    step "Guest image" join guest-image
    step "Image, flavors, networks" contents
    step "openrc and clouds.yaml" write_logins
    step "Memory of the daemons" ksm_start
}

# As start_control, leaving the guest image's build running.
start_control_without_guest() {
    local kept=("${BACKGROUND[@]}")
    BACKGROUND=()
    start_control
    BACKGROUND=("${kept[@]}")
}

decide_hypervisor() {
    if [ "$HYPERVISOR" = libvirt ] && has_daemon compute-agent; then step "KVM probe" kvm_decide; fi
}

start_agents_ground() {
    if has_daemon network-agent && [ "$NETWORK_DRIVER" = linux ] && { ! joining || [ -n "$PUBLIC_INTERFACE" ]; }; then
        step "Public bridge $PUBLIC_BRIDGE" hostnet_make
    fi
    if has_daemon volume-agent && [ "$VOLUME_DRIVER" = iscsi ]; then step "Port of the iSCSI target" iscsi_port_free; fi
}

stack_join() {
    step "Passwords from $JOIN_FILE" secrets_make
    decide_hypervisor
    step "$SERVICE_HOST answers" service_host_answers
    if [ "$HYPERVISOR" = libvirt ] && has_daemon compute-agent; then step "libvirt" libvirt_start; fi
    step "Configuration in $ETC_DIR" configure
    start_agents_ground
    step "Daemons started" daemons_start
    step "Daemons run" daemons_wait
    step "Commands" venv_link_commands
    step "Memory of the daemons" ksm_start
}

service_host_answers() {
    local port
    for port in "$RABBIT_PORT" "$(daemon_port metadata-api)"; do
        wait_until 10 port_open "$SERVICE_HOST" "$port" || fail "$SERVICE_HOST does not answer on port $port" "" \
            "is the cloud up there, with HOST_IP=$SERVICE_HOST in its local.conf, and does no firewall stand between?"
    done
}

summary() {
    local daemon
    say ""
    say "Altostack is up after $(seconds $(($(now_ms) - STACK_STARTED_MS)))."
    if joining; then
        say "  This machine ($HOST_NAME, $HOST_IP) now works for $SERVICE_HOST: $(daemons)"
    else
        for daemon in $(daemons); do
            if [ "$(daemon_kind "$daemon")" = api ]; then say "$(printf '  %-16s %s' "$daemon" "$(api_url "$daemon")")"; fi
        done
        say "  log in           source devstack/openrc   (administrator);   source devstack/openrc demo demo"
        say "                   or --os-cloud altostack-admin / altostack   (~/.config/openstack/clouds.yaml)"
        say "  passwords        admin ${SECRET[admin]}   demo ${SECRET[demo]}"
        ! has_service image || say "  guest image      $GUEST_IMAGE_NAME   (user alto, password altostack)"
        ! has_service network || say "  public network   $PUBLIC_CIDR on $PUBLIC_BRIDGE"
    fi
    say "  daemons' state   altostack status"
    say "  configuration    $ETC_DIR      data  $STATE_DIR      logs  $LOG_DIR"
    say "  take it away     devstack/unstack.sh"
}

main() {
    local embedded=""
    case ${1:-} in
        --embedded) embedded=yes ;;
        -h | --help) sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 0 ;;
        "") if [ "$(id -u)" != 0 ]; then embedded=yes; fi ;;
        *) echo "stack.sh: unknown argument $1 (see --help)" >&2; exit 2 ;;
    esac
    if [ -n "$embedded" ]; then stack_embedded; return; fi
    config_load
    one_at_a_time
    output_begin "$LOG_DIR/stack.log"
    say "Altostack on $HOST_NAME; all output: $LOG_DIR/stack.log"
    # shellcheck disable=SC2046  # words
    step "Debian packages" install_packages $(wanted_packages)
    step "Folders and account" folders_make
    step "Python environment $VENV" stack_venv
    if joining; then stack_join; else stack_control; fi
    summary
}

main "$@"
