#!/bin/bash
# Take away everything that stack.sh made: daemons, servers, networks, databases, configuration, logs, logins.
#
#   ./unstack.sh            everything but Debian packages, the Python environment and the built guest image
#   ./unstack.sh --all      those two as well
#   ./unstack.sh --stop     only stop: daemons and what they stand on; servers and data stay
# Harmless to repeat.
set -euo pipefail
DEVSTACK=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
PROJECT=$(dirname "$DEVSTACK")
for part in common config python backends hypervisor databases machines configure daemons memory hostnet clients embedded; do
    # shellcheck source=/dev/null
    . "$DEVSTACK/lib/$part.sh"
done

# Domains that are ours: those whose description carries our mark (all of a private libvirtd are).
domains_remove() {
    local name
    libvirt_answers || { domains_kill; return 0; }
    for name in $(virsh -c qemu:///system list --all --uuid 2>/dev/null); do
        if virsh -c qemu:///system dumpxml "$name" 2>/dev/null | grep -q 'altostack.org/xmlns/compute'; then
            virsh -c qemu:///system destroy "$name" >/dev/null 2>&1 || true
            virsh -c qemu:///system undefine "$name" --nvram --snapshots-metadata --managed-save >/dev/null 2>&1 ||
                virsh -c qemu:///system undefine "$name" || true
        fi
    done
    domains_kill
}

# QEMU processes that outlived their libvirtd: those of our folders.
domains_kill() { kill_by_path qemu-system "$STATE_DIR/"; }

# kill_by_path NAME PATH: end the processes whose command line has both.
kill_by_path() {
    local entry pid line
    for entry in /proc/[0-9]*; do
        pid=${entry#/proc/}
        [ "$pid" != $$ ] || continue
        line=$({ tr '\0' ' ' <"$entry/cmdline"; } 2>/dev/null) || continue
        if [[ $line == *"$1"* && $line == *"$2"* ]]; then kill -KILL "$pid" 2>/dev/null || true; fi
    done
}

# dnsmasq, metadata proxies and the like that an agent left running for its networks.
helpers_kill() {
    local name
    for name in dnsmasq radvd metadata_proxy tgtd haproxy keepalived; do kill_by_path "$name" "$STATE_DIR/"; kill_by_path "$name" "$RUN_DIR/"; done
}

backends_stop() {
    stop_memcached "$STATE_DIR/memcached"
    stop_rabbitmq "$STATE_DIR/rabbitmq"
    stop_mariadb "$STATE_DIR/mariadb"
}

files_remove() {
    # only folders of the form .../altostack are removed whole
    local folder
    for folder in "$STATE_DIR" "$RUN_DIR" "$ETC_DIR"; do
        [ "$(basename "$folder")" != altostack ] || rm -rf --one-file-system "$folder"
    done
    rm -f "$DEVSTACK/openrc"
    if getent passwd "$UNIX_USER" >/dev/null; then userdel "$UNIX_USER" 2>/dev/null || true; fi
    if getent group "$UNIX_USER" >/dev/null; then groupdel "$UNIX_USER" 2>/dev/null || true; fi
}

# As long as something is written there, last.
logs_remove() { [ "$(basename "$LOG_DIR")" != altostack ] || rm -rf --one-file-system "$LOG_DIR"; }

everything_remove() {
    step "Logins" clouds_remove
    step "Commands" venv_unlink_commands
    step "Files, configuration, account" files_remove
    if [ "$1" = --all ] && [ "$(basename "$DEST")" = altostack ]; then
        step "Python environment, guest image" rm -rf --one-file-system "$DEST" "$CACHE_DIR"
    fi
}

main() {
    case ${1:-} in
        "" | --all | --stop) ;;
        -h | --help) sed -n '2,7s/^# \{0,1\}//p' "$0"; exit 0 ;;
        *) echo "unstack.sh: unknown argument $1 (see --help)" >&2; exit 2 ;;
    esac
    [ "$(id -u)" = 0 ] || { echo "FAILED: unstack.sh needs root (the embedded profile is one folder: remove it)" >&2; exit 1; }
    one_at_a_time
    config_load
    local log
    log=$(mktemp /tmp/unstack.XXXXXX.log)
    output_begin "$log"
    step "Daemons" daemons_stop
    step "Memory of the daemons" ksm_stop
    if [ "${1:-}" != --stop ]; then
        step "Servers" domains_remove
        step "libvirt" libvirt_stop
        step "iSCSI target, helpers" tgtd_stop
        helpers_kill
        step "Networks" agent_network_remove
        step "Public bridge" hostnet_remove
    fi
    step "MariaDB, RabbitMQ, memcached" backends_stop
    if [ "${1:-}" != --stop ]; then everything_remove "${1:-}"; logs_remove; fi
    rm -f "$log"
    say "done"
}

main "$@"
