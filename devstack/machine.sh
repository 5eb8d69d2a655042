#!/bin/bash
# Further machines of this machine's cloud; to be run on the first one, as root.
#
#   ./machine.sh add NAME      give it accounts; prints its join file (keep it secret), to be put at
#                              /etc/altostack/join.conf there before stack.sh; the same one when repeated
#   ./machine.sh remove NAME   take it out: its accounts, its compute service, resource provider, and network agents
#   ./machine.sh list
#
# NAME is the machine's host name (`uname -n` there, or HOST_NAME in its local.conf).
set -euo pipefail
umask 077
DEVSTACK=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
PROJECT=$(dirname "$DEVSTACK")
for part in common config backends databases configure machines; do
    # shellcheck source=/dev/null
    . "$DEVSTACK/lib/$part.sh"
done

main() {
    local action=${1:-} name=${2:-}
    case $action in
        list | add | remove) ;;
        *) sed -n '2,9s/^# \{0,1\}//p' "$0"; exit 2 ;;
    esac
    [ "$(id -u)" = 0 ] || { echo "FAILED: machine.sh needs root" >&2; exit 1; }
    config_load
    if [ "$action" = list ]; then machine_names; return; fi
    output_begin "$LOG_DIR/stack.log"
    exec 3>&2    # standard output is for the join file
    [[ $name =~ ^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$ ]] || fail "'$name' is no host name" "" "./machine.sh $action NAME"
    joining && fail "this machine itself has joined $SERVICE_HOST" "" "run it there"
    [ "$name" != "$HOST_NAME" ] || fail "$name is this machine" "" "the name of the further one: uname -n there"
    daemons_known
    case $action in
        add)
            machine_add "$name" >>"$STEP_LOG" 2>&1
            cat "$ETC_DIR/machines/$name"
            ;;
        remove) machine_forget "$name" >>"$STEP_LOG" 2>&1 ;;
    esac
}

# The passwords of the cloud that runs here, and its address.
daemons_known() {
    [ -s "$SECRETS" ] || fail "no cloud is on this machine" "" "./stack.sh"
    secrets_read "$SECRETS"
    HOST_IP=$(sed -n 's/^host = //p' "$ETC_DIR/bootstrap.conf")
}

main "$@"
