#!/bin/bash
# Schemas, first contents, and the daemons: one warm parent that forks and supervises them all.

SUPERVISOR_PID=supervisor.pid
SUPERVISOR_LOG_FROM=0

# Run the altostack command as the daemons' account.
altostack_as_user() { as_user "$UNIX_USER" env HOME="$STATE_DIR" "$VENV/bin/altostack" --config-dir "$ETC_DIR" "$@"; }

# What the altostack command said last: ": CAUSE", or nothing.
said() { tail -n 3 "$STEP_LOG" | sed -n 's/^altostack: /: /p' | tail -n 1; }

schemas_upgrade() {
    altostack_as_user db upgrade || fail "the schemas could not be brought up to date$(said)" "$STEP_LOG" \
        "what it says above; or does MariaDB answer? mariadb -S $STATE_DIR/mariadb/mariadb.sock -e 'show databases'"
}

bootstrap() {
    altostack_as_user bootstrap || fail "the first contents (administrator, services, catalog) could not be made$(said)" "$STEP_LOG" \
        "see $ETC_DIR/bootstrap.conf; altostack db status"
}

# What the running daemons were started with: when it changes, they are started anew.
daemons_fingerprint() {
    {
        daemons
        cat "$ETC_DIR"/*.conf
        cd "$PROJECT" && find common services -name __pycache__ -prune -o -name '*.py' -printf '%p %T@ %s\n' | sort
    } | sha256sum | cut -d' ' -f1
}

daemons_running() { running "$RUN_DIR/$SUPERVISOR_PID" "serve --supervise"; }

daemons_start() {
    local now names daemon
    now=$(daemons_fingerprint)
    if daemons_running; then
        if [ "$(cat "$RUN_DIR/fingerprint" 2>/dev/null)" = "$now" ]; then
            STEP_NOTE="unchanged, left running"
            SUPERVISOR_LOG_FROM=$(stat -c %s "$LOG_DIR/supervisor.log")
            return 0
        fi
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
    SUPERVISOR_LOG_FROM=0
    rm -f "$LOG_DIR"/*.out
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

# What a daemon printed last.
daemon_cause() { grep -v '^ *$' "$LOG_DIR/$1.out" 2>/dev/null | tail -n 1 | sed 's/^altostack: //' | cut -c1-400; }

# The first daemon that ended in the hands of its supervisor, or nothing; where the daemons were left running, what
# happened before does not count.
daemon_ended() { tail -c "+$((SUPERVISOR_LOG_FROM + 1))" "$LOG_DIR/supervisor.log" | sed -n 's/^altostack: \(.*\) ended with .*/\1/p' | head -n 1; }

# Is there nothing to wait for any more?
settled() { ! daemons_running || [ -n "$(daemon_ended)" ] || daemon_well "$1"; }

daemon_well() { if [ "$(daemon_kind "$1")" = api ]; then healthy "$1"; else daemon_lives "$1"; fi; }

# Does the daemon's own process run, and for a while already (one that ends at once is started again and again)?
daemon_lives() {
    local age
    running "$RUN_DIR/$1.pid" altostack || return 1
    age=$(ps -o etimes= -p "$(cat "$RUN_DIR/$1.pid")") || return 1
    [ "$age" -ge 2 ]
}

# Wait until every API answers its health check and every other daemon runs.
daemons_wait() {
    local daemon limit=60 ended
    for daemon in $(daemons); do
        wait_until $limit settled "$daemon" || true
        # a supervisor that could not even start its daemons says why itself
        daemons_running || supervisor_failed
        ended=$(daemon_ended)
        [ -z "$ended" ] || daemon_failed "$ended"
        daemon_well "$daemon" || daemon_failed "$daemon"
        limit=30
    done
}

supervisor_failed() {
    fail "the daemons' supervisor ended" "$LOG_DIR/supervisor.log" \
        "altostack --config-dir $ETC_DIR serve --supervise $(daemons)  (in the foreground, it says what is wrong)"
}

# Say why: what the daemon printed last; its log, else the supervisor's.
daemon_failed() {
    local log what cause
    what="$1 does not run"
    if [ "$(daemon_kind "$1")" = api ]; then what="$1 does not answer http://$HOST_IP:$(daemon_port "$1")/healthcheck"; fi
    cause=$(daemon_cause "$1")
    for log in "$LOG_DIR/$1.log" "$LOG_DIR/supervisor.log"; do
        if [ -s "$log" ]; then break; fi
    done
    fail "$what${cause:+: $cause}" "$log" \
        "altostack --config-dir $ETC_DIR serve $1   (in the foreground, it says what is wrong); log: $LOG_DIR/$1.log"
}
