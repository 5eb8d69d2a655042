#!/bin/bash
# A container of what the services stand on, in the foreground: backend.sh mariadb|rabbitmq|memcached
# Reads what configure.sh left in /backends; keeps its data in /data.
set -euo pipefail

DEVSTACK=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=/dev/null
. "$DEVSTACK/lib/common.sh"
# shellcheck source=/dev/null
. "$DEVSTACK/lib/backends.sh"
exec 3>&2

run_mariadb() {
    local dir=/data
    backend_dir $dir mysql
    mariadb_config $dir 3306 0.0.0.0 | grep -v '^log-error' | write_file $dir/mariadb.cnf 0640 mysql:
    if [ ! -d $dir/data/mysql ]; then
        rm -rf $dir/data
        as_user mysql mariadb-install-db --defaults-file=$dir/mariadb.cnf --skip-test-db --skip-name-resolve
    fi
    become mysql
    exec "${BECOME[@]}" mariadbd --defaults-file=$dir/mariadb.cnf --init-file=/backends/init.sql
}

run_rabbitmq() {
    local dir=/data
    backend_dir $dir rabbitmq
    echo 5672 >$dir/port
    install -m 0640 -o rabbitmq /backends/definitions.json $dir/definitions.json
    rabbitmq_config $dir 5672 0.0.0.0 | sed 's/^log.console = false/log.console = true/' | write_file $dir/rabbitmq.conf 0640 rabbitmq:
    echo '[].' | write_file $dir/enabled_plugins 0640 rabbitmq:
    if [ ! -s $dir/.erlang.cookie ]; then random_hex 20 | write_file $dir/.erlang.cookie 0400 rabbitmq:; fi
    rabbitmq_env $dir
    become rabbitmq
    exec "${BECOME[@]}" env -C $dir -i "${RABBIT_ENV[@]}" /usr/lib/rabbitmq/bin/rabbitmq-server
}

case $1 in
    mariadb) run_mariadb ;;
    rabbitmq) run_rabbitmq ;;
    memcached) exec memcached -u memcache -l 0.0.0.0 -p 11211 -U 0 -m "${MEMCACHED_MB:-32}" -t 1 ;;
    *) echo "backend.sh: mariadb, rabbitmq or memcached, not '$1'" >&2; exit 2 ;;
esac
