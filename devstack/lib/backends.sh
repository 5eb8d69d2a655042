#!/bin/bash
# Private instances of MariaDB, RabbitMQ and memcached, each living in a folder of its own.
#
#   start_mariadb  DIR PORT [ADDRESSES]      mariadb_admin DIR <<<SQL      stop_mariadb DIR
#   start_rabbitmq DIR PORT [ADDRESSES]      rabbitmq_ctl DIR COMMAND...   stop_rabbitmq DIR
#   start_memcached DIR PORT [ADDRESSES]     stop_memcached DIR
#
# DIR holds data, configuration, log, socket and pid file; ADDRESSES is a comma-separated list (127.0.0.1).
# Nothing of a system-wide installation is read or written, so several instances live side by side: the
# cloud's own, and throw-away ones for tests. Starting what runs already does nothing.
# Needs common.sh. Root runs them as the packages' users, anybody else as himself.

# as_user USER COMMAND...: run a command as that user when root, as ourselves otherwise.
as_user() {
    become "$1"; shift
    "${BECOME[@]}" "$@"
}

# become USER: BECOME is the command prefix that turns root into USER (empty for anybody else).
become() {
    BECOME=()
    if [ "$(id -u)" = 0 ]; then BECOME=(setpriv --reuid "$1" --regid "$1" --clear-groups --); fi
}

# backend_dir DIR USER: make a folder that this user owns and nobody else reads.
backend_dir() {
    mkdir -p "$1"
    if [ "$(id -u)" = 0 ]; then chown "$2:" "$1"; fi
    chmod 0750 "$1"
}

# ---------------------------------------------------------------- MariaDB

mariadb_admin() { mariadb --no-defaults --socket="$1/mariadb.sock" --user=root --batch --skip-column-names; }

mariadb_answers() { mariadb_admin "$1" <<<'SELECT 1' >/dev/null 2>&1; }

mariadb_config() {
    local dir=$1 port=$2 addresses=$3
    cat <<CNF
[mariadbd]
datadir = $dir/data
socket = $dir/mariadb.sock
pid-file = $dir/mariadb.pid
log-error = $dir/mariadb.log
port = $port
bind-address = $addresses
skip-name-resolve
skip-log-bin
performance_schema = OFF
character-set-server = utf8mb4
collation-server = utf8mb4_nopad_bin
transaction-isolation = READ-COMMITTED
max_connections = ${DB_MAX_CONNECTIONS:-400}
innodb_buffer_pool_size = ${DB_BUFFER_POOL:-64M}
innodb_log_file_size = 48M
innodb_log_buffer_size = 4M
innodb_flush_log_at_trx_commit = ${DB_FLUSH_AT_COMMIT:-2}
innodb_flush_method = O_DIRECT_NO_FSYNC
innodb_lock_wait_timeout = 20
innodb_read_io_threads = 2
innodb_write_io_threads = 2
innodb_purge_threads = 1
key_buffer_size = 1M
aria_pagecache_buffer_size = 4M
query_cache_type = 0
query_cache_size = 0
table_open_cache = 400
table_definition_cache = 400
thread_cache_size = 32
thread_stack = 256K
tmp_table_size = 8M
max_heap_table_size = 8M
max_allowed_packet = 16M
CNF
}

start_mariadb() {
    local dir=$1 port=$2 addresses=${3:-127.0.0.1}
    if running "$dir/mariadb.pid" "$dir/mariadb.cnf" && mariadb_answers "$dir"; then
        echo "MariaDB runs already in $dir"
        return 0
    fi
    need_free_port "$port" "${DB_PORT_SETTING:-DB_PORT}" MariaDB
    backend_dir "$dir" mysql
    mariadb_config "$dir" "$port" "$addresses" | write_file "$dir/mariadb.cnf" 0640 mysql:
    if [ ! -d "$dir/data/mysql" ]; then
        rm -rf "$dir/data"
        as_user mysql mariadb-install-db --defaults-file="$dir/mariadb.cnf" --skip-test-db --skip-name-resolve \
            --auth-root-authentication-method=socket --auth-root-socket-user="$(id -un)" >"$dir/install.log" 2>&1 ||
            fail "MariaDB could not make its data folder in $dir/data" "$dir/install.log" "is the disk full? df -h $dir"
    fi
    become mysql
    detach "$dir/mariadb.log" "${BECOME[@]}" mariadbd --defaults-file="$dir/mariadb.cnf"
    wait_until 60 mariadb_answers "$dir" ||
        fail "MariaDB does not answer on port $port" "$dir/mariadb.log" \
            "is the disk full (df -h $dir)? If its files are damaged, ./unstack.sh removes them"
    mariadb_admin "$dir" <<<"DELETE FROM mysql.global_priv WHERE User=''; FLUSH PRIVILEGES;"
}

stop_mariadb() { stop_pid "$1/mariadb.pid" "$1/mariadb.cnf" 30; }

# ---------------------------------------------------------------- RabbitMQ

# Private ports of an instance that follow from its AMQP port.
rabbitmq_dist_port() { echo $(($1 + 10000)); }
rabbitmq_epmd_port() { echo $(($1 + 10001)); }

rabbitmq_config() {
    local dir=$1 port=$2 address number=0
    for address in ${3//,/ }; do
        number=$((number + 1))
        echo "listeners.tcp.$number = $address:$port"
    done
    cat <<CNF
num_acceptors.tcp = 2
loopback_users = none
log.file.level = warning
log.console = false
heartbeat = 60
disk_free_limit.absolute = 64MB
vm_memory_high_watermark.absolute = ${RABBIT_MEMORY:-512MB}
collect_statistics = none
collect_statistics_interval = 60000
background_gc_enabled = true
background_gc_target_interval = 60000
definitions.import_backend = local_filesystem
definitions.local.path = $dir/definitions.json
CNF
}

# The environment of the server and of rabbitmqctl for the instance in DIR.
rabbitmq_env() {
    local dir=$1 port
    port=$(cat "$dir/port")
    RABBIT_ENV=(
        "HOME=$dir" "PATH=/usr/sbin:/usr/bin:/sbin:/bin" LANG=C.UTF-8
        RABBITMQ_CONF_ENV_FILE=/dev/null "RABBITMQ_CONFIG_FILE=$dir/rabbitmq.conf"
        "RABBITMQ_ENABLED_PLUGINS_FILE=$dir/enabled_plugins" "RABBITMQ_MNESIA_BASE=$dir/mnesia"
        "RABBITMQ_LOG_BASE=$dir/log" "RABBITMQ_PID_FILE=$dir/rabbitmq.pid"
        "RABBITMQ_NODENAME=altostack-$port@localhost" "RABBITMQ_DIST_PORT=$(rabbitmq_dist_port "$port")"
        "ERL_EPMD_PORT=$(rabbitmq_epmd_port "$port")" ERL_EPMD_ADDRESS=127.0.0.1
        "RABBITMQ_IO_THREAD_POOL_SIZE=8" RABBITMQ_MAX_NUMBER_OF_ATOMS=1048576
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=+S 2:2 +SDcpu 1:1 +SDio 2 +sbwt none +sbwtdcpu none +sbwtdio none -kernel inet_dist_use_interface {127,0,0,1}"
        "RABBITMQ_CTL_ERL_ARGS=+S 1:1 +sbwt none -kernel inet_dist_use_interface {127,0,0,1}"
    )
}

rabbitmq_answers() { port_open "${2:-127.0.0.1}" "$(cat "$1/port")"; }

start_rabbitmq() {
    local dir=$1 port=$2 addresses=${3:-127.0.0.1}
    local first=${addresses%%,*}
    backend_dir "$dir" rabbitmq
    rabbitmq_config "$dir" "$port" "$addresses" | write_file "$dir/rabbitmq.conf.new" 0640 rabbitmq:
    if running "$dir/rabbitmq.pid" "-home $dir "; then
        if cmp -s "$dir/rabbitmq.conf" "$dir/rabbitmq.conf.new" && rabbitmq_answers "$dir" "$first"; then
            echo "RabbitMQ runs already in $dir"
            return 0
        fi
        # those who use it first: while it is away they could not end their work
        if [ "$(type -t backend_users_stop)" = function ]; then backend_users_stop; fi
        stop_rabbitmq "$dir"
    fi
    need_free_port "$port" "${RABBIT_PORT_SETTING:-RABBIT_PORT}" RabbitMQ
    mv -f "$dir/rabbitmq.conf.new" "$dir/rabbitmq.conf"
    echo "$port" >"$dir/port"
    [ -s "$dir/definitions.json" ] || rabbitmq_definitions | write_file "$dir/definitions.json" 0640 rabbitmq:
    echo '[].' | write_file "$dir/enabled_plugins" 0640 rabbitmq:
    if [ ! -s "$dir/.erlang.cookie" ]; then random_hex 20 | write_file "$dir/.erlang.cookie" 0400 rabbitmq:; fi
    rm -f "$dir/rabbitmq.pid"
    rabbitmq_env "$dir"
    : >"$dir/startup.log"
    become rabbitmq
    detach "$dir/startup.log" "${BECOME[@]}" env -C "$dir" -i "${RABBIT_ENV[@]}" /usr/lib/rabbitmq/bin/rabbitmq-server
    wait_until 90 rabbitmq_answers "$dir" "$first" ||
        fail "RabbitMQ does not answer on port $port" "$dir/startup.log" "see also $dir/log; ./unstack.sh removes its data"
}

# rabbitmq_ctl DIR COMMAND...: rabbitmqctl for that instance (slow: it starts an Erlang machine).
rabbitmq_ctl() {
    local dir=$1; shift
    rabbitmq_env "$dir"
    as_user rabbitmq env -C "$dir" -i "${RABBIT_ENV[@]}" /usr/lib/rabbitmq/bin/rabbitmqctl -q "$@"
}

stop_rabbitmq() {
    local dir=$1 port
    stop_pid "$dir/rabbitmq.pid" "-home $dir " 20
    [ -s "$dir/port" ] || return 0
    port=$(rabbitmq_epmd_port "$(cat "$dir/port")")
    if port_open 127.0.0.1 "$port"; then
        ERL_EPMD_PORT=$port epmd -kill >/dev/null 2>&1 || true
    fi
}

# rabbitmq_definitions [USER PASSWORD VHOST[,VHOST]]...: the JSON that a node loads when it starts: virtual hosts,
# users and their permissions. RabbitMQ's own way: no rabbitmqctl call (2 s each) is needed.
rabbitmq_definitions() { python3 "${BASH_SOURCE[0]%/*}/rabbit_definitions.py" "$@"; }

# ---------------------------------------------------------------- memcached

memcached_answers() { port_open 127.0.0.1 "$(cat "$1/port")"; }

start_memcached() {
    local dir=$1 port=$2 addresses=${3:-127.0.0.1}
    if running "$dir/memcached.pid" "$dir/memcached.pid" && port_open "${addresses%%,*}" "$port"; then
        echo "memcached runs already in $dir"
        return 0
    fi
    need_free_port "$port" "${MEMCACHED_PORT_SETTING:-MEMCACHED_PORT}" memcached
    backend_dir "$dir" memcache
    local user=(-u "$(id -un)")
    if [ "$(id -u)" = 0 ]; then user=(-u memcache); fi
    detach "$dir/memcached.log" memcached "${user[@]}" -l "$addresses" -p "$port" -U 0 -m "${MEMCACHED_MB:-32}" -t 1 \
        -c 512 -P "$dir/memcached.pid"
    wait_until 10 port_open "${addresses%%,*}" "$port" ||
        fail "memcached does not answer on port $port" "$dir/memcached.log" "is the memcached package whole? dpkg -V memcached"
}

stop_memcached() { stop_pid "$1/memcached.pid" "$1/memcached.pid" 5; }
