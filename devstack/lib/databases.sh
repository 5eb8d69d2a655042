#!/bin/bash
# Secrets, the services' databases with their users, and RabbitMQ's virtual hosts with theirs.

declare -A SECRET

# name of the setting in local.conf that fixes a secret of this kind
secret_setting() {
    case $1 in
        admin) echo ADMIN_PASSWORD ;; demo) echo DEMO_PASSWORD ;;
        rabbit_*) echo RABBIT_PASSWORD ;; db_*) echo DB_PASSWORD ;; service_*) echo SERVICE_PASSWORD ;;
    esac
}

secret_names() {
    local service
    echo admin demo metadata rabbit_compute_scheduler rabbit_volume_scheduler
    for service in identity image scheduler network volume compute; do
        echo "db_$service rabbit_$service service_$service"
    done
}

# Read the secrets of an earlier run (or of the join file), fill in what is missing, keep them.
secrets_make() {
    local name value setting file=$SECRETS
    if joining; then
        file=$JOIN_FILE
        [ -s "$file" ] || fail "to join $SERVICE_HOST this machine needs its join file at $JOIN_FILE" "" \
            "scp root@$SERVICE_HOST:$ETC_DIR/join.conf $JOIN_FILE"
    fi
    if [ -s "$file" ]; then
        while IFS='=' read -r name value; do
            [[ $name =~ ^[a-z_]+$ ]] && SECRET[$name]=$value
        done <"$file"
    fi
    for name in $(secret_names); do
        setting=$(secret_setting "$name")
        if [ -n "$setting" ] && [ -n "${!setting}" ]; then SECRET[$name]=${!setting}; fi
        [ -n "${SECRET[$name]:-}" ] || joining || SECRET[$name]=$(random_hex 16)
    done
    joining || secrets_list "$(secret_names)" | write_file "$SECRETS" 0600
    joining || join_file
}

secrets_list() {
    local name
    for name in $1; do printf '%s=%s\n' "$name" "${SECRET[$name]:-}"; done
}

# What a further machine needs, and no more: agents' RabbitMQ and service passwords, no database.
join_file() {
    {
        printf '# for /etc/altostack/join.conf of a machine that joins this cloud (SERVICE_HOST in its local.conf)\n'
        secrets_list "metadata rabbit_compute rabbit_network rabbit_volume"
    } | write_file "$ETC_DIR/join.conf" 0600
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

# transport_url USER VHOST
transport_url() {
    echo "rabbit://altostack_$1:$(urlencode "${SECRET[rabbit_$1]}")@$(service_address):$RABBIT_PORT/$2"
}

# RabbitMQ's users: each service its own virtual host; compute and volume also reach the scheduler's.
rabbit_write_definitions() {
    local dir=$STATE_DIR/rabbitmq service args=() file
    for service in $SERVICES; do args+=("altostack_$service" "${SECRET[rabbit_$service]}" "$service"); done
    for service in compute volume; do
        args+=("altostack_${service}_scheduler" "${SECRET[rabbit_${service}_scheduler]}" scheduler)
    done
    backend_dir "$dir" rabbitmq
    file=$dir/definitions.json
    rabbitmq_definitions "${args[@]}" | write_file "$file.new" 0640 rabbitmq:
    RABBIT_CHANGED=yes
    if cmp -s "$file" "$file.new"; then RABBIT_CHANGED=no; fi
    mv -f "$file.new" "$file"
}

# A node that runs already gets changed definitions by rabbitmqctl; a starting one reads them itself.
rabbit_start() {
    rabbit_write_definitions
    if running "$STATE_DIR/rabbitmq/rabbitmq.pid" "-home $STATE_DIR/rabbitmq " && [ $RABBIT_CHANGED = yes ]; then
        rabbitmq_ctl "$STATE_DIR/rabbitmq" import_definitions "$STATE_DIR/rabbitmq/definitions.json" ||
            fail "RabbitMQ did not take its new users" "$STATE_DIR/rabbitmq/startup.log" "./unstack.sh, then ./stack.sh"
    fi
    start_rabbitmq "$STATE_DIR/rabbitmq" "$RABBIT_PORT" "$(listen_addresses)"
}
