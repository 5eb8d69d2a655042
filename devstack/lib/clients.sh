#!/bin/bash
# What people and their programs log in with: openrc, clouds.yaml.

# logins ACTION FILE...: openrc and clouds.yaml, written by common/logins.py, which needs nothing but Python.
logins() {
    local python=$VENV/bin/python
    [ -x "$python" ] || python=/usr/bin/python3
    PYTHONPATH=$PROJECT ALTOSTACK_ADMIN_PASSWORD=${SECRET[admin]:-} ALTOSTACK_DEMO_PASSWORD=${SECRET[demo]:-} \
        "$python" "$DEVSTACK/lib/logins.py" "$@"
}

openrc_write() {
    logins openrc "$DEVSTACK/openrc" "$(api_url identity-api)/v3" "$REGION" "$VENV/bin" ||
        fail "$DEVSTACK/openrc could not be written" "$STEP_LOG" "is there room on the disk?"
}

# clouds.yaml where clients look; other clouds in the file stay.
clouds_write() {
    logins write "$(clouds_file)" "$(api_url identity-api)/v3" "$REGION" ||
        fail "$(clouds_file) could not be written" "$STEP_LOG" "is it valid YAML? Move it away and run the script again"
}

clouds_file() { echo "${HOME:-/root}/.config/openstack/clouds.yaml"; }

clouds_remove() {
    [ -e "$(clouds_file)" ] || return 0
    logins remove "$(clouds_file)" || echo "left alone: $(clouds_file)"
}
