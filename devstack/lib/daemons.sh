#!/bin/bash
# Schemas, first contents, and the daemons: one warm parent that forks and supervises them all.

SUPERVISOR_PID=supervisor.pid

# Run the altostack command as the daemons' account.
altostack_as_user() { as_user "$UNIX_USER" env HOME="$STATE_DIR" "$VENV/bin/altostack" --config-dir "$ETC_DIR" "$@"; }

schemas_upgrade() {
    altostack_as_user db upgrade || fail "the schemas could not be brought up to date" "$STEP_LOG" \
        "does MariaDB answer? mariadb -S $STATE_DIR/mariadb/mariadb.sock -e 'show databases'"
}

bootstrap() {
    altostack_as_user bootstrap || fail "the first contents (administrator, services, catalog) could not be made" "$STEP_LOG" \
        "see $ETC_DIR/bootstrap.conf; altostack db status"
}

# What the running daemons were started with: when it changes, they are started anew.
daemons_fingerprint() {
    {
        daemons
        cat "$ETC_DIR"/*.conf
        cd "$PROJECT" && find common services -name '*.py' -newermt 1970-01-01 -printf '%p %T@ %s\n' | sort
    } | sha256sum | cut -d' ' -f1
}

daemons_running() { running "$RUN_DIR/$SUPERVISOR_PID" "serve --supervise"; }

daemons_start() {
    local now names daemon
    now=$(daemons_fingerprint)
    if daemons_running; then
        if [ "$(cat "$RUN_DIR/fingerprint" 2>/dev/null)" = "$now" ]; then STEP_NOTE="unchanged, left running"; return 0; fi
        STEP_NOTE="restarted: code or configuration changed"
        daemons_stop
    fi
    read -ra names <<<"$(daemons)"
    for daemon in "${names[@]}"; do
        if [ "$(daemon_kind "$daemon")" = api ]; then
            need_free_port "$(daemon_port "$daemon")" "$(tr 'a-z-' 'A-Z_' <<<"$daemon")_PORT" "$daemon"
        fi
    done
    echo "$now" >"$RUN_DIR/fingerprint"
    : >"$LOG_DIR/supervisor.log"
    detach "$LOG_DIR/supervisor.log" "$VENV/bin/altostack" --config-dir "$ETC_DIR" serve --supervise \
        --user "$UNIX_USER" --log-dir "$LOG_DIR" "${names[@]}"
    echo "$DETACHED_PID" >"$RUN_DIR/$SUPERVISOR_PID"
    # until it is itself, and not this shell's copy any more
    wait_until 10 daemons_running || supervisor_failed
}

# what stands on a backend that must be started anew (backends.sh)
backend_users_stop() { daemons_stop; }

daemons_stop() {
    local daemon
    stop_pid "$RUN_DIR/$SUPERVISOR_PID" "serve --supervise" 40
    while IFS='|' read -r daemon _; do
        [ -z "$daemon" ] || stop_pid "$RUN_DIR/$daemon.pid" "altostack: $daemon" 10
    done <<<"$DAEMON_TABLE"
}

healthy() { curl -sf -o /dev/null --max-time 5 "http://$HOST_IP:$(daemon_port "$1")/healthcheck"; }

# Waiting ends also when there is nothing to wait for.
healthy_or_over() { ! daemons_running || healthy "$1"; }

# Does the daemon's own process run, and for a while already (one that ends at once is started again and again)?
daemon_lives() {
    local age
    running "$RUN_DIR/$1.pid" altostack || return 1
    age=$(ps -o etimes= -p "$(cat "$RUN_DIR/$1.pid")") || return 1
    [ "$age" -ge 2 ]
}

# Wait until every API answers its health check and every other daemon runs.
daemons_wait() {
    local daemon limit=60
    for daemon in $(daemons); do
        # a supervisor that could not even start its daemons says why itself
        daemons_running || supervisor_failed
        if [ "$(daemon_kind "$daemon")" = api ]; then
            wait_until $limit healthy_or_over "$daemon" && healthy "$daemon" || daemon_failed "$daemon" "does not answer http://$HOST_IP:$(daemon_port "$daemon")/healthcheck"
        else
            wait_until 20 daemon_lives "$daemon" || daemon_failed "$daemon" "does not run"
        fi
        limit=30
    done
}

supervisor_failed() {
    fail "the daemons' supervisor ended" "$LOG_DIR/supervisor.log" \
        "altostack --config-dir $ETC_DIR serve --supervise $(daemons)  (in the foreground, it says what is wrong)"
}

# Show why: what the daemon printed, else its log, else the supervisor's.
daemon_failed() {
    local log
    daemons_running || supervisor_failed
    for log in "$LOG_DIR/$1.out" "$LOG_DIR/$1.log" "$LOG_DIR/supervisor.log"; do
        if [ -s "$log" ]; then break; fi
    done
    fail "$1 $2" "$log" "altostack --config-dir $ETC_DIR serve $1   (in the foreground, it says what is wrong); log: $LOG_DIR/$1.log"
}
