#!/bin/bash
# Further machines of this cloud: what each may know (its join file), kept on the first one in $ETC_DIR/machines.
# Needs common.sh, config.sh, databases.sh.

# Settings of the first machine that a further one must share.
JOIN_SETTINGS="REGION RABBIT_PORT IDENTITY_API_PORT METADATA_API_PORT CONSOLE_PROXY_PORT"

machine_names() { [ ! -d "$ETC_DIR/machines" ] || find "$ETC_DIR/machines" -type f -printf '%f\n' | sort; }
machine_secret() { sed -n "s/^$2=//p" "$ETC_DIR/machines/$1"; }

# The passwords of a machine's agents and the settings it must share: no password of a database, a service, or a person,
# nor of another machine's agents.
join_file() {
    local name=$1 setting secret
    printf '# for %s of the machine %s, which joins this cloud with SERVICE_HOST=%s in its local.conf\n' "$ETC_DIR/join.conf" "$name" "$HOST_IP"
    printf 'machine=%s\nmetadata=%s\n' "$name" "${SECRET[metadata]}"
    for setting in $JOIN_SETTINGS; do
        case $setting in
            *_API_PORT | *_PROXY_PORT) secret=${setting%_PORT}; secret=${secret,,}; echo "$setting=$(daemon_port "${secret//_/-}")" ;;
            *) echo "$setting=${!setting}" ;;
        esac
    done
    for secret in $(agent_secret_names); do echo "$secret=$(random_hex 16)"; done
}

# Its values become SECRET and the settings, as far as local.conf did not ask for a name that is another machine's.
join_file_read() {
    local name value
    [ -s "$JOIN_FILE" ] || fail "to join $SERVICE_HOST this machine needs its join file at $JOIN_FILE" "" \
        "on $SERVICE_HOST: devstack/machine.sh add $HOST_NAME >join.conf; then copy that file here"
    secrets_read "$JOIN_FILE"
    while IFS='=' read -r name value; do
        if [[ " $JOIN_SETTINGS " == *" $name "* ]]; then printf -v "$name" %s "$value"; fi
    done <"$JOIN_FILE"
    [ "${SECRET[machine]:-}" = "$HOST_NAME" ] ||
        fail "$JOIN_FILE is for the machine '${SECRET[machine]:-}', and this one is $HOST_NAME" "" \
            "on $SERVICE_HOST: devstack/machine.sh add $HOST_NAME; or HOST_NAME=${SECRET[machine]:-} in local.conf"
}

# machine_add NAME: its accounts; its join file is what is printed. A repeat prints the same.
machine_add() {
    local name=$1 file=$ETC_DIR/machines/$1
    case $HOST_IP in
        127.*) fail "this machine's cloud is at $HOST_IP, where no other machine reaches it" "" \
            "put HOST_IP=ITS_ADDRESS into devstack/local.conf, run ./stack.sh again, then this" ;;
    esac
    mkdir -p "$ETC_DIR/machines"
    chmod 0700 "$ETC_DIR/machines"
    [ -s "$file" ] || join_file "$name" | write_file "$file" 0600
    rabbit_write_definitions
    if [ "$RABBIT_CHANGED" = yes ]; then rabbit_import; fi
}

# machine_forget NAME: its accounts (what still runs there is cut off), then what the services know of it.
machine_forget() {
    local daemon users=()
    machine_ask "$1" check
    for daemon in $AGENT_DAEMONS; do users+=("<<\"$(agent_account "$daemon" "$1")\">>"); done
    rm -f "$ETC_DIR/machines/$1"
    rmdir "$ETC_DIR/machines" 2>/dev/null || true
    rabbit_write_definitions
    rabbitmq_ctl "$STATE_DIR/rabbitmq" eval "[catch rabbit_auth_backend_internal:delete_user(U, <<\"machine.sh\">>) || U <- [$(IFS=,; echo "${users[*]}")]]."
    machine_ask "$1" forget
}

machine_ask() {
    env -u OS_CLOUD STACK_AUTH_URL="$(api_url identity-api)/v3" STACK_REGION="$REGION" STACK_SERVICES="$SERVICES" \
        STACK_ADMIN_PASSWORD="${SECRET[admin]}" "$VENV/bin/python" "$DEVSTACK/lib/machine.py" "$1" "$2" ||
        fail "the machine $1 could not be taken out of the cloud" "$STEP_LOG" "openstack server list --all-projects --host $1; altostack status"
}
