#!/bin/bash
# Run every test: tidy, unit, api, functional, scenario, through tox, with what they need.
#
#   ./test.sh                     everything
#   ./test.sh unit api            only these tox environments
#   ./test.sh unit -- -k saga     what follows -- goes to pytest
#
# Installs missing Debian packages, makes the environment in .tox, starts a throw-away MariaDB and RabbitMQ for the
# functional and scenario tests (ALTOSTACK_TEST_MYSQL_URL, ALTOSTACK_TEST_RABBIT_URL) and stops them whatever happens. A cloud
# that runs on this machine is not touched.
set -euo pipefail
DEVSTACK=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
PROJECT=$(dirname "$DEVSTACK")
for part in common config packages python backends; do
    # shellcheck source=/dev/null
    . "$DEVSTACK/lib/$part.sh"
done
ALL_ENVS=(tidy unit api functional scenario)
LIMIT_S=${TEST_LIMIT_S:-2100}    # of one environment
export ALTOSTACK_TEST_PATIENCE=${ALTOSTACK_TEST_PATIENCE:-3}    # the tests' time limits are for a machine that does nothing else
FAILED=()

# What all roles of a machine need, and the tests' own tools.
test_packages() { echo "$PACKAGES_BASE $PACKAGES_CONTROL $PACKAGES_NETWORK $PACKAGES_COMPUTE $PACKAGES_VOLUME $PACKAGES_GUEST $PACKAGES_TEST"; }

# tox in an environment of its own.
tox_make() {
    VENV=$PROJECT/.tox/launcher
    if [ ! -x "$VENV/bin/tox" ]; then
        rm -rf "$VENV"
        mkdir -p "$PROJECT/.tox"
        /usr/bin/python3 -m venv "$VENV" || fail "no virtual environment could be made in $VENV" "$STEP_LOG" "is python3-venv installed?"
        pip_install tox
    fi
}

# Each environment is made before its tests run: the project (editable), its extras, Debian's libvirt bindings.
env_make() {
    tox_run --notest -e "$1" || fail "the environment of the $1 tests could not be made" "$STEP_LOG" \
        "can this machine reach its Python package index? rm -rf $PROJECT/.tox makes it anew"
    VENV=$PROJECT/.tox/$1 venv_link_libvirt
}

# An environment of its own for each name, with the project in it, whatever defaults tox.ini has.
TOX_ARGUMENTS=(-x tox.no_package=false -x testenv.package=editable -x "testenv.envdir={toxworkdir}/{envname}")
tox_run() { "$VENV/bin/tox" run --root "$PROJECT" -c "$PROJECT/tox.ini" --workdir "$PROJECT/.tox" "${TOX_ARGUMENTS[@]}" "$@"; }

# A port that is free, with the two above it by 10000 that RabbitMQ takes.
free_port() {
    local port
    while :; do
        port=$((20000 + RANDOM % 2000))
        if ! ss -Hltn | awk '{print $4}' | grep -qE ":($port|$((port + 10000))|$((port + 10001)))\$"; then echo $port; return; fi
    done
}

backends_begin() {
    local password
    password=$(random_hex 8)
    WORK=$(mktemp -d /tmp/altostack-test.XXXXXX)
    chmod 755 "$WORK"
    DB_TEST_PORT=$(free_port)
    RABBIT_TEST_PORT=$(free_port)
    DB_FLUSH_AT_COMMIT=0
    start_mariadb "$WORK/mariadb" "$DB_TEST_PORT"
    mariadb_admin "$WORK/mariadb" <<SQL
CREATE USER 'test'@'%' IDENTIFIED BY '$password';
GRANT ALL PRIVILEGES ON *.* TO 'test'@'%' WITH GRANT OPTION;
CREATE DATABASE altostack_test;
SQL
    backend_dir "$WORK/rabbitmq" rabbitmq
    rabbitmq_definitions test "$password" / | write_file "$WORK/rabbitmq/definitions.json" 0640 rabbitmq:
    start_rabbitmq "$WORK/rabbitmq" "$RABBIT_TEST_PORT"
    export ALTOSTACK_TEST_MYSQL_URL="mysql+pymysql://test:$password@127.0.0.1:$DB_TEST_PORT/altostack_test?charset=utf8mb4"
    export ALTOSTACK_TEST_RABBIT_URL="rabbit://test:$password@127.0.0.1:$RABBIT_TEST_PORT/"
}

# Stop what was started, whatever happened; unmount nothing, kill nothing else.
backends_end() {
    trap - ERR
    if [ -n "${WORK:-}" ]; then
        stop_rabbitmq "$WORK/rabbitmq" || true
        stop_mariadb "$WORK/mariadb" || true
        rm -rf "$WORK"
    fi
}

# The guest image for tests that boot servers, and its kernel for those that only need one.
guest_for_tests() {
    . "$DEVSTACK/lib/guest.sh"
    install -d "$CACHE_DIR"
    guest_image_build
    ALTOSTACK_TEST_GUEST_IMAGE=$(guest_image)
    export ALTOSTACK_TEST_GUEST_IMAGE
    if [ -d "$CACHE_DIR/guest/kernel" ]; then export ALTOSTACK_TEST_KERNEL_DIR=$CACHE_DIR/guest/kernel; fi
}

run_env() {
    local name=$1 started status=0
    shift
    started=$(now_ms)
    say ""
    say "=== $name"
    STEP_NAME=$name
    timeout --foreground -k 10 "$LIMIT_S" "$VENV/bin/tox" run --root "$PROJECT" -c "$PROJECT/tox.ini" --workdir "$PROJECT/.tox" \
        "${TOX_ARGUMENTS[@]}" --skip-pkg-install -e "$name" "$@" > >(tee -a "$STEP_LOG" >&3) 2>&1 || status=$?
    if [ $status = 124 ]; then say "$name did not end within $LIMIT_S s"; fi
    if [ $status != 0 ]; then FAILED+=("$name"); fi
    STEP_TIMES+=("$(($(now_ms) - started))|$name|$status")
}

report() {
    local entry took name status
    say ""
    say "Tests ended after $(seconds $(($(now_ms) - STACK_STARTED_MS)))"
    for entry in "${STEP_TIMES[@]}"; do
        IFS='|' read -r took name status <<<"$entry"
        [ -n "$status" ] || continue
        say "$(printf '  %-12s %8s  %s' "$name" "$(seconds "$took")" "$([ "$status" = 0 ] && echo passed || echo "FAILED (status $status)")")"
    done
    if [ ${#FAILED[@]} -gt 0 ]; then
        say "FAILED: ${FAILED[*]}; all output: $STEP_LOG"
        exit 1
    fi
}

main() {
    local envs=() name
    while [ $# -gt 0 ] && [ "$1" != -- ]; do
        case $1 in
            -h | --help) sed -n '2,10s/^# \{0,1\}//p' "$0"; exit 0 ;;
            *) envs+=("$1"); shift ;;
        esac
    done
    [ ${#envs[@]} -gt 0 ] || envs=("${ALL_ENVS[@]}")
    unset LOCAL_CONF
    LOCAL_CONF=/dev/null config_load
    mkdir -p "$PROJECT/.tox"
    output_begin "$PROJECT/.tox/test.log"
    trap backends_end EXIT
    trap 'exit 130' INT TERM
    say "All output: $STEP_LOG"
    # shellcheck disable=SC2046  # words
    step "Debian packages" install_packages $(test_packages)
    step "tox" tox_make
    for name in "${envs[@]}"; do step "Python environment .tox/$name" env_make "$name"; done
    if [[ " ${envs[*]} " == *" functional "* || " ${envs[*]} " == *" scenario "* ]]; then
        step "Throw-away MariaDB and RabbitMQ" backends_begin
        if [ "$(id -u)" = 0 ]; then step "Guest image" guest_for_tests; fi
    fi
    for name in "${envs[@]}"; do run_env "$name" "$@"; done
    report
}

main "$@"
