#!/bin/bash
# What people and their programs log in with: openrc, clouds.yaml.

openrc_write() {
    local file=$DEVSTACK/openrc
    cat <<RC | write_file "$file" 0600
# source openrc [USER PROJECT]: environment of the openstack command; the administrator without arguments.
# Written by stack.sh.
_user=\${1:-admin}
_project=\${2:-\$_user}
case \$_user in
    admin) OS_PASSWORD=$(printf %q "${SECRET[admin]}") ;;
    demo) OS_PASSWORD=$(printf %q "${SECRET[demo]}") ;;
    *) [ -n "\$OS_PASSWORD" ] || echo "set OS_PASSWORD to \$_user's password" ;;
esac
export OS_PASSWORD
export OS_USERNAME=\$_user OS_PROJECT_NAME=\$_project
export OS_USER_DOMAIN_NAME=Default OS_PROJECT_DOMAIN_NAME=Default
export OS_AUTH_URL=$(api_url identity-api)/v3 OS_IDENTITY_API_VERSION=3 OS_REGION_NAME=$(printf %q "$REGION")
unset OS_CLOUD OS_SYSTEM_SCOPE OS_TOKEN
case :\$PATH: in *:$VENV/bin:*) ;; *) export PATH=\$PATH:$VENV/bin ;; esac
unset _user _project
RC
}

# clouds.yaml where clients look; other clouds in the file stay.
clouds_write() {
    ALTOSTACK_ADMIN_PASSWORD=${SECRET[admin]} ALTOSTACK_DEMO_PASSWORD=${SECRET[demo]} \
        "$VENV/bin/python" "$DEVSTACK/lib/clouds.py" write "$(clouds_file)" "$(api_url identity-api)/v3" "$REGION" ||
        fail "$(clouds_file) could not be written" "$STEP_LOG" "is it valid YAML? Move it away and run the script again"
}

clouds_file() { echo "${HOME:-/root}/.config/openstack/clouds.yaml"; }

clouds_remove() {
    local python=$VENV/bin/python
    [ -e "$(clouds_file)" ] || return 0
    [ -x "$python" ] || python=/usr/bin/python3
    "$python" "$DEVSTACK/lib/clouds.py" remove "$(clouds_file)" || echo "left alone: $(clouds_file)"
}
