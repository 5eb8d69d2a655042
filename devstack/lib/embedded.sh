#!/bin/bash
# The embedded profile: a virtual environment in the user's home, and `altostack up` in the foreground.

stack_embedded() {
    local home=${ALTOSTACK_HOME:-${XDG_DATA_HOME:-$HOME/.local/share}/altostack}
    DEST=$home
    VENV=$home/venv
    : "${CONSTRAINTS:=$PROJECT/constraints.txt}"
    if ! mkdir -p "$home" 2>/dev/null; then echo "FAILED: $home cannot be made; set ALTOSTACK_HOME" >&2; exit 1; fi
    output_begin "$home/stack.log"
    say "Altostack, embedded, in $home; all output: $home/stack.log"
    [ -x /usr/bin/python3 ] || fail "there is no /usr/bin/python3" "" "install Python 3.11 or newer"
    step "Python environment" venv_make all
    local arguments=(--data-dir "$home/data")
    # shellcheck disable=SC2206  # words
    arguments+=(${EMBEDDED_ARGS:-})
    say ""
    exec "$VENV/bin/altostack" up "${arguments[@]}"
}
