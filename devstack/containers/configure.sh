#!/bin/bash
# The one-shot `config` service of docker-compose.yml: secrets, and the configuration of every container from etc/.
#
# Writes /etc/altostack (control plane), /agents (what agents may know: no database, no account at identity), /admin (the
# administrator's login), /backends (what MariaDB and RabbitMQ load at their start) and /secrets. Safe to repeat: what is there stays. Settings: the variables of
# devstack/local.conf.sample, from the environment (HYPERVISOR, SIMULATED_NODES, ADMIN_PASSWORD, ...).
set -euo pipefail

DEVSTACK=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
PROJECT=$(dirname "$DEVSTACK")
for part in common config backends databases machines configure; do
    # shellcheck source=/dev/null
    . "$DEVSTACK/lib/$part.sh"
done

# shellcheck disable=SC2034  # the templates and functions of lib/ read these
container_settings() {
    # each container puts its own name and address in at its start (see serve.sh)
    HOST_NAME=CONTAINER_NAME HOST_IP=CONTAINER_ADDRESS AGENT_HOST='*'
    DB_PORT=3306 RABBIT_PORT=5672 MEMCACHED_PORT=11211
    VIRT_TYPE=${VIRT_TYPE:-qemu} HYPERVISOR=${HYPERVISOR:-simulated}
    VOLUME_DRIVER=${VOLUME_DRIVER:-simulated} NETWORK_DRIVER=${NETWORK_DRIVER:-simulated}
    SIMULATED_NODES=${SIMULATED_NODES:-10}
    LOCAL_CONF=/dev/null
    config_load
    SECRETS=/secrets/secrets
    RABBIT_CHANGED=no
    option altostack api bind_host 0.0.0.0
    # a container's name never comes back
    option altostack worker forget_after_s 300
    option volume-agent simulated journal_path "$STATE_DIR/simulated.journal"
    option altostack api metrics_allowed 127.0.0.0/8,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16
}

# Containers reach each other by their services' names, which Docker's DNS answers for every copy in turn.
api_url() { echo "http://$1:$(daemon_port "$1")"; }
service_address() { echo rabbitmq; }
memcached_host() { echo memcached; }
# containers' names are not known beforehand: all agents of a kind share an account, which may use the queues of agents only
agent_account() { echo "$1"; }
database_url() {
    echo "mysql+pymysql://altostack_$1:$(urlencode "${SECRET[db_$1]}")@mariadb:$DB_PORT/altostack_$1?charset=utf8mb4"
}
mariadb_admin() {
    { cat; echo "DELETE FROM mysql.global_priv WHERE User='';"; echo "FLUSH PRIVILEGES;"; } | write_file "/backends/init.sql" 0640 mysql:
}

agents_folder() {
    local daemon service
    for daemon in altostack $AGENT_DAEMONS; do
        install -m 0600 "$ETC_DIR/$daemon.conf" "/agents/$daemon.conf"
    done
    # the hypervisor's container has real drivers, whatever the other agents have
    mkdir -p /agents/hypervisor
    install -m 0600 "$ETC_DIR/altostack.conf" /agents/hypervisor/
    HYPERVISOR=libvirt NETWORK_DRIVER=linux VOLUME_DRIVER=iscsi
    configure_physical_networks
    for daemon in $AGENT_DAEMONS; do
        service=$(daemon_service "$daemon")
        configure_daemon_variables "$service" "$daemon"
        render "$PROJECT/etc/$service/$daemon.conf" | write_file "/agents/hypervisor/$daemon.conf" 0600
    done
}

# What a person in the `client` container needs.
client_files() {
    cat <<RC | write_file /admin/openrc 0600
export OS_AUTH_URL=$(api_url identity-api)/v3 OS_USERNAME=admin OS_PASSWORD=${SECRET[admin]} OS_PROJECT_NAME=admin
export OS_USER_DOMAIN_NAME=Default OS_PROJECT_DOMAIN_NAME=Default OS_REGION_NAME=$REGION OS_IDENTITY_API_VERSION=3
RC
}

main() {
    exec 3>&2
    container_settings
    STATE_DIR=/var/lib/altostack
    folders_make
    secrets_make
    databases_make
    rabbit_accounts
    rabbitmq_definitions "${RABBIT_ACCOUNTS[@]}" | write_file /backends/definitions.json 0640 rabbitmq:
    configure
    agents_folder
    client_files
    echo "configured: $(find "$ETC_DIR" -name '*.conf' | wc -l) files"
}

main
