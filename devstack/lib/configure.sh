#!/bin/bash
# /etc/altostack from the templates in etc/: each @NAME@ stands for the variable of that name.

UNIX_USER=altostack

# The account of every daemon that needs no root, and the folders.
folders_make() {
    if ! getent passwd $UNIX_USER >/dev/null; then
        useradd --system --home-dir "$STATE_DIR" --shell /usr/sbin/nologin --user-group $UNIX_USER
    fi
    # the configuration folder is root's: what root's agents read must not be replaced by a daemon without root
    install -d -m 0755 "$ETC_DIR"
    install -d -m 0755 -o $UNIX_USER -g $UNIX_USER "$STATE_DIR" "$RUN_DIR"
    install -d -m 0750 -o $UNIX_USER -g $UNIX_USER "$LOG_DIR"
    install -d -m 0755 "$CACHE_DIR"
    local free_kb
    free_kb=$(df -Pk "$STATE_DIR" | awk 'NR == 2 {print $4}')
    [ "$free_kb" -gt 1048576 ] || fail "less than 1 GiB is free where $STATE_DIR is" "" "df -h $STATE_DIR; make room"
}

# Values with a dollar sign are doubled: oslo.config would take it for a reference.
conf_value() { echo "${1//\$/\$\$}"; }

# render TEMPLATE: the text with its placeholders filled in; an unknown one is a mistake.
render() {
    local text name
    text=$(<"$1")
    while [[ $text =~ @([A-Z][A-Z0-9_]*)@ ]]; do
        name=${BASH_REMATCH[1]}
        [ -v "$name" ] || fail "$1 uses @$name@, which nothing sets" "" "correct the template"
        text=${text//"@$name@"/"${!name}"}
    done
    printf '%s\n' "$text"
}

# install_conf TEMPLATE NAME OWNER MODE: render a template into $ETC_DIR/NAME.conf, with local.conf's options behind it.
install_conf() {
    local entry file group key value
    {
        render "$1"
        for entry in "${OPTIONS[@]}"; do
            IFS='|' read -r file group key value <<<"$entry"
            if [ "$file" = "$2" ]; then printf '\n# from local.conf\n[%s]\n%s = %s\n' "$group" "$key" "$value"; fi
        done
    } | write_file "$ETC_DIR/$2.conf" "$4" "$3"
    WRITTEN+=("$2")
}

# Files of an earlier run with other services or daemons.
remove_old_conf() {
    local daemon service name
    while IFS='|' read -r daemon service _; do
        for name in $daemon $service; do
            [[ " ${WRITTEN[*]} " == *" $name "* ]] || rm -f "$ETC_DIR/$name.conf"
        done
    done <<<"$DAEMON_TABLE"
}

# shellcheck disable=SC2034  # the templates read these
configure_variables() {
    IDENTITY_URL=$(api_url identity-api)/v3
    METADATA_SECRET=$(conf_value "${SECRET[metadata]:-}")
    METADATA_URL=$(api_url metadata-api)
    configure_physical_networks
    : "${NOVNC_DIR:=/usr/share/novnc}"
    CONSOLE_URL=$(api_url console-proxy)
    CONSOLE_HOST=${CONSOLE_URL#http://}
    VIRT_TYPE_USED=$VIRT_TYPE
    if [ "$VIRT_TYPE" = auto ]; then
        case $(cat "$RUN_DIR/kvm" 2>/dev/null || true) in yes) VIRT_TYPE_USED=kvm ;; no) VIRT_TYPE_USED=qemu ;; esac
    fi
}

# The public network ends on the first machine; further ones have it only through a NIC of their own.
# shellcheck disable=SC2034
configure_physical_networks() {
    PHYSICAL_NETWORKS=public:$PUBLIC_BRIDGE
    NETWORK_ROLES=l2,dhcp,l3,metadata
    if [ "$NETWORK_DRIVER" = simulated ]; then PHYSICAL_NETWORKS=public:simulated; fi
    if joining && [ -z "$PUBLIC_INTERFACE" ]; then
        PHYSICAL_NETWORKS=
        NETWORK_ROLES=l2,dhcp,metadata
    fi
}

api_url() { echo "http://$(service_address):$(daemon_port "$1")"; }

# The variables that differ from service to service.
# shellcheck disable=SC2034
configure_service_variables() {
    SERVICE_NAME=$1
    SERVICE_USER_PASSWORD=$(conf_value "${SECRET[service_$1]:-}")
    MEMCACHED_SERVER=$(memcached_host):$MEMCACHED_PORT
    MEMCACHE_SECRET=${SECRET[memcache_$1]:-}
    TRANSPORT_URL=$(conf_value "$(transport_url "altostack_$1" "rabbit_$1" "$1")")
    DATABASE_URL=""
    SCHEDULER_TRANSPORT_URL=""
    joining || DATABASE_URL=$(conf_value "$(database_url "$1")")
    case $1 in compute | volume) SCHEDULER_TRANSPORT_URL=$(conf_value "$(transport_url "altostack_${1}_scheduler" "rabbit_${1}_scheduler" scheduler)") ;; esac
}

configure() {
    local service daemon
    WRITTEN=()
    configure_variables
    install_conf "$PROJECT/etc/altostack.conf" altostack "root:$UNIX_USER" 0640
    for service in identity image scheduler network volume compute; do
        configure_service_variables "$service"
        if ! joining && has_service "$service"; then install_conf "$PROJECT/etc/$service/$service.conf" "$service" "$UNIX_USER:" 0600; fi
        for daemon in $(daemons); do
            [ "$(daemon_service "$daemon")" = "$service" ] || continue
            configure_daemon "$service" "$daemon"
        done
    done
    remove_old_conf
    joining || configure_bootstrap
}

# The variables that differ from daemon to daemon.
# shellcheck disable=SC2034
configure_daemon_variables() {
    DAEMON_PORT=$(daemon_port "$2")
    AGENT_TRANSPORT_URL=""
    if [ "$(daemon_kind "$2")" = agent ]; then
        AGENT_TRANSPORT_URL=$(conf_value "$(transport_url "$(agent_account "$2" "$HOST_NAME")" "rabbit_${2//-/_}" "$1")")
    fi
}

# A daemon's own file; one without a template holds local.conf's options only.
configure_daemon() {
    local template=$PROJECT/etc/$1/$2.conf owner=$UNIX_USER:
    configure_daemon_variables "$1" "$2"
    if [ "$(daemon_kind "$2")" = agent ]; then owner=root:root; fi
    [ -e "$template" ] || template=/dev/null
    install_conf "$template" "$2" "$owner" 0600
}

# What `altostack bootstrap` makes: the administrator, the services' users, the catalog.
configure_bootstrap() {
    local service daemon
    {
        printf '[admin]\npassword = %s\n\n[region]\nname = %s\n\n[passwords]\n' "${SECRET[admin]}" "$REGION"
        for service in $SERVICES; do printf '%s = %s\n' "$service" "${SECRET[service_$service]}"; done
        printf '\n[urls]\nhost = %s\n' "$HOST_IP"
        for daemon in $(daemons); do
            if [ "$(daemon_kind "$daemon")" = api ]; then printf '%s = %s\n' "$daemon" "$(api_url "$daemon")"; fi
        done
    } | write_file "$ETC_DIR/bootstrap.conf" 0600 "$UNIX_USER:"
}
