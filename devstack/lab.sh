#!/bin/bash
# Several machines on this one: a cloud of this machine and N further ones, which are namespaces with a root of their own.
#
#   ./lab.sh up [N]            this machine's cloud (stack.sh, reachable for others), and N further machines (1) that join it
#   ./lab.sh down [NAME...]    unstack.sh in these machines (all of them), take them out of the cloud, and remove them;
#                              after the last one this machine's cloud is at its own address again
#   ./lab.sh run NAME COMMAND  in a machine, as its root
#   ./lab.sh kill NAME         as a power cut;   ./lab.sh boot NAME   switch it on again, and start its daemons
#   ./lab.sh list              machines, addresses, whether they run
#   ./lab.sh check             why this machine cannot carry others; says nothing where it can
#
# For tests of several hosts: they share this machine's kernel and processors, and nothing else. Safe to repeat.
set -euo pipefail
umask 022
DEVSTACK=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
PROJECT=$(dirname "$DEVSTACK")
for part in common config lab; do
    # shellcheck source=/dev/null
    . "$DEVSTACK/lib/$part.sh"
done
NODE_CONF=/etc/altostack-lab.conf    # local.conf of a machine; its settings after the two that make it join

# control_up ADDRESS: the cloud of this machine, there.
control_up() {
    HOST_IP=$1 "$DEVSTACK/stack.sh" >&3 || fail "stack.sh failed on this machine" "" "what it says above"
}

node_conf() {
    local name=$1
    lab_write "$name" "$NODE_CONF" <<CNF
SERVICE_HOST=$HOST_IP
HOST_IP=$(lab_address "$name")
HOST_NAME=$name
$(if [ -e "$DEVSTACK/local.conf" ]; then grep -vE '^ *(SERVICE_HOST|HOST_IP|HOST_NAME)=' "$DEVSTACK/local.conf" || true; fi)
CNF
}

node_stack() {
    local name=$1 script=$2
    lab_run "$name" env LOCAL_CONF=$NODE_CONF "$DEVSTACK/$script.sh"
}

node_up() {
    local name=$1
    lab_boot "$name"
    node_conf "$name"
    "$DEVSTACK/machine.sh" add "$name" | lab_write "$name" "$ETC_DIR/join.conf" || fail "$name could not be added to the cloud" "" "see above"
    node_stack "$name" stack || fail "stack.sh failed in $name" "$LAB_DIR/$name/upper/var/log/altostack/stack.log" \
        "./lab.sh run $name env LOCAL_CONF=$NODE_CONF $DEVSTACK/stack.sh"
}

node_down() {
    local name=$1
    if lab_running "$name"; then node_stack "$name" unstack; fi
    if [ -d "$ETC_DIR" ]; then "$DEVSTACK/machine.sh" remove "$name"; fi
    lab_delete "$name"
}

lab_up() {
    local missing number
    missing=$(lab_missing)
    [ -z "$missing" ] || fail "no further machines here: $missing" "" "use real ones (devstack/README.md, A further machine)"
    step "Network $LAB_BRIDGE" lab_net_make
    control_up "$HOST_IP"
    for ((number = 1; number <= $1; number++)); do step "Machine $(lab_name "$number")" node_up "$(lab_name "$number")"; done
    say "machines: $(lab_names | tr '\n' ' ')   (./lab.sh run NAME COMMAND; openstack compute service list)"
}

lab_down() {
    local name names
    read -ra names <<<"${*:-$(lab_names | tr '\n' ' ')}"
    for name in "${names[@]}"; do step "Machine $name away" node_down "$name"; done
    [ -z "$(lab_names)" ] || return 0
    # without the network, this machine's cloud must be where it was before
    if [ -e "$SECRETS" ] && [ "$HOST_IP" != "$OWN_ADDRESS" ]; then control_up "$OWN_ADDRESS"; fi
    step "Network $LAB_BRIDGE away" lab_net_remove
}

lab_list() {
    local name
    for name in $(lab_names); do
        printf '%-20s %-16s %s\n' "$name" "$(lab_address "$name")" "$(if lab_running "$name"; then echo up; else echo down; fi)"
    done
}

main() {
    local action=${1:-}
    [ $# = 0 ] || shift
    case $action in -h | --help | "") sed -n '2,13s/^# \{0,1\}//p' "$0"; exit 0 ;; esac
    [ "$(id -u)" = 0 ] || { echo "FAILED: lab.sh needs root" >&2; exit 1; }
    config_load
    lab_config
    case $action in
        run) lab_run "$@"; return ;;
        list) lab_list; return ;;
        check) lab_missing; return ;;
    esac
    output_begin /var/log/altostack-lab.log
    case $action in
        up) lab_up "${1:-1}" ;;
        down) lab_down "$@" ;;
        kill) step "Power of $1 cut" lab_kill "$1" ;;
        boot) step "Machine $1" node_up "$1" ;;
        *) echo "lab.sh: unknown argument $action (see --help)" >&2; exit 2 ;;
    esac
}

main "$@"
