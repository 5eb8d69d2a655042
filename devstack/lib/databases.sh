#!/bin/bash
# Secrets, the services' databases with their users, and RabbitMQ's virtual hosts with theirs.

declare -A SECRET

# name of the setting in local.conf that fixes a secret of this kind
secret_setting() {
    case $1 in
        admin) echo ADMIN_PASSWORD ;; demo) echo DEMO_PASSWORD ;;
        rabbit_*_agent) ;;      # an agent's password is known to its machine: never that of a service
        rabbit_*) echo RABBIT_PASSWORD ;; db_*) echo DB_PASSWORD ;; service_*) echo SERVICE_PASSWORD ;;
    esac
}

secret_names() {
    local service
    echo admin demo metadata rabbit_compute_scheduler rabbit_volume_scheduler
    for service in identity image scheduler network volume compute; do
        echo "db_$service rabbit_$service service_$service memcache_$service"
    done
    agent_secret_names
}

# The RabbitMQ passwords of a machine's agents: rabbit_compute_agent and so on.
agent_secret_names() {
    local daemon
    for daemon in $AGENT_DAEMONS; do echo "rabbit_${daemon//-/_}"; done
}

# Read the secrets of an earlier run (or of the join file), fill in what is missing, keep them.
secrets_make() {
    local name setting
    if joining; then join_file_read; return; fi
    secrets_read "$SECRETS"
    for name in $(secret_names); do
        setting=$(secret_setting "$name")
        if [ -n "$setting" ] && [ -n "${!setting}" ]; then SECRET[$name]=${!setting}; fi
        [ -n "${SECRET[$name]:-}" ] || SECRET[$name]=$(random_hex 16)
    done
    secrets_list "$(secret_names)" | write_file "$SECRETS" 0600
}

secrets_read() {
    local name value
    [ -s "$1" ] || return 0
    while IFS='=' read -r name value; do
        if [[ $name =~ ^[a-z_]+$ ]]; then SECRET[$name]=$value; fi
    done <"$1"
}

secrets_list() {
    local name
    for name in $1; do printf '%s=%s\n' "$name" "${SECRET[$name]:-}"; done
}

urlencode() {
    local text=$1 out="" c i
    for ((i = 0; i < ${#text}; i++)); do
        c=${text:i:1}
        case $c in [a-zA-Z0-9._~-]) out+=$c ;; *) printf -v c '%%%02X' "'$c"; out+=$c ;; esac
    done
    echo "$out"
}

sql_quote() { local q=${1//\\/\\\\}; echo "'${q//\'/\'\'}'"; }

# One database and one user per service; a repeat sets the password again.
databases_make() {
    local service name
    for service in $SERVICES; do
        name=altostack_$service
        cat <<SQL
CREATE DATABASE IF NOT EXISTS $name CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
CREATE OR REPLACE USER '$name'@'%' IDENTIFIED BY $(sql_quote "${SECRET[db_$service]}");
GRANT ALL PRIVILEGES ON $name.* TO '$name'@'%';
SQL
    done | mariadb_admin "$STATE_DIR/mariadb" ||
        fail "the databases could not be made" "$STATE_DIR/mariadb/mariadb.log" "is the disk full? df -h $STATE_DIR"
}

database_url() {
    echo "mysql+pymysql://altostack_$1:$(urlencode "${SECRET[db_$1]}")@127.0.0.1:$DB_PORT/altostack_$1?charset=utf8mb4"
}

# transport_url ACCOUNT SECRET VHOST
transport_url() {
    echo "rabbit://$1:$(urlencode "${SECRET[$2]:-}")@$(service_address):$RABBIT_PORT/$3"
}

# RabbitMQ's users: each service its own virtual host; compute and volume also reach the scheduler's. Each agent has an
# account that can do no more than an agent must.
rabbit_accounts() {
    local service daemon name
    RABBIT_ACCOUNTS=()
    for service in $SERVICES; do RABBIT_ACCOUNTS+=("altostack_$service" "${SECRET[rabbit_$service]}" "$service"); done
    for service in compute volume; do
        RABBIT_ACCOUNTS+=("altostack_${service}_scheduler" "${SECRET[rabbit_${service}_scheduler]}" scheduler)
    done
    for daemon in $AGENT_DAEMONS; do rabbit_agent_account "$daemon" "$AGENT_HOST" "${SECRET[rabbit_${daemon//-/_}]}"; done
    for name in $(machine_names); do
        for daemon in $AGENT_DAEMONS; do
            rabbit_agent_account "$daemon" "$name" "$(machine_secret "$name" "rabbit_${daemon//-/_}")"
        done
    done
}

rabbit_agent_account() {
    local service
    service=$(daemon_service "$1")
    has_service "$service" || return 0
    RABBIT_ACCOUNTS+=("$(agent_account "$1" "$2")" "$3" "$service:$1:$2:$service-conductor")
}

agent_account() { echo "$1.$2"; }

rabbit_write_definitions() {
    local dir=$STATE_DIR/rabbitmq file
    backend_dir "$dir" rabbitmq
    file=$dir/definitions.json
    rabbit_accounts
    rabbitmq_definitions "${RABBIT_ACCOUNTS[@]}" | write_file "$file.new" 0640 rabbitmq:
    RABBIT_CHANGED=yes
    if cmp -s "$file" "$file.new"; then RABBIT_CHANGED=no; fi
    mv -f "$file.new" "$file"
}

# A node that runs already gets changed definitions by rabbitmqctl; a starting one reads them itself.
rabbit_start() {
    rabbit_write_definitions
    if running "$STATE_DIR/rabbitmq/rabbitmq.pid" "-home $STATE_DIR/rabbitmq "; then
        if ! rabbit_serves; then
            echo "RabbitMQ runs and serves nobody (a disk that was full leaves it so): started anew"
            backend_users_stop
            stop_rabbitmq "$STATE_DIR/rabbitmq"
        elif [ $RABBIT_CHANGED = yes ]; then
            rabbit_import
        fi
    fi
    start_rabbitmq "$STATE_DIR/rabbitmq" "$RABBIT_PORT" "$(listen_addresses)"
}

# Does it let a service in, or refuse it as a running one would (whose password may be a new one)?
rabbit_serves() {
    local service=${SERVICES%% *}
    PASSWORD=${SECRET[rabbit_$service]} timeout 20 "$VENV/bin/python" - "127.0.0.1:$(cat "$STATE_DIR/rabbitmq/port")" "$service" <<'PY'
import os, sys, amqp
connection = amqp.Connection(sys.argv[1], userid=f"altostack_{sys.argv[2]}", password=os.environ["PASSWORD"],
                             virtual_host=sys.argv[2], connect_timeout=5, read_timeout=5)
try:
    connection.connect()
    connection.channel()
    connection.close()
except amqp.AccessRefused:
    pass
PY
}

rabbit_import() {
    rabbitmq_ctl "$STATE_DIR/rabbitmq" import_definitions "$STATE_DIR/rabbitmq/definitions.json" ||
        fail "RabbitMQ did not take its new users" "$STATE_DIR/rabbitmq/startup.log" "./unstack.sh, then ./stack.sh"
}
