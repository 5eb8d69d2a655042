#!/bin/bash
# What every devstack script needs: progress with timings, failures that help, small waits, pid files.
#
# Output: the terminal is file descriptor 3; a step's own output goes to its log.
# Everything here works without a terminal, without root and without systemd.

unset PYTHONDONTWRITEBYTECODE   # some build environments set it; it makes every daemon compile its modules at every start
STACK_TITLE=${STACK_TITLE:-altostack}
STEP_NAME=""
STEP_LOG=""
ALL_LOG=""          # where everything ends up; STEP_LOG is another one in `background`
STEP_TIMES=()
BACKGROUND=()      # entries "PID|NAME|LOG|STARTED_MS"

# Milliseconds since the epoch.
now_ms() { local t=${EPOCHREALTIME/[.,]/}; echo $((t / 1000)); }

# Milliseconds as seconds with one decimal.
seconds() { printf '%d.%d s' $(($1 / 1000)) $(($1 % 1000 / 100)); }

say() { printf '%s\n' "$*" >&3; }

# Begin: fd 3 is the terminal from here on. LOG is where the steps write.
output_begin() {
    exec 3>&1
    STEP_LOG=$1
    ALL_LOG=$1
    mkdir -p "$(dirname "$STEP_LOG")"
    : >>"$STEP_LOG"
    chmod 0600 "$STEP_LOG"
    STACK_STARTED_MS=$(now_ms)
    set -E
    trap 'on_error $LINENO' ERR
}

# fail WHAT [LOG] [TRY]: the one way to give up: what failed, where to look, what to try.
fail() {
    local what=$1 log=${2-$STEP_LOG} try=${3:-}
    trap - ERR
    {
        printf '\n\nFAILED: %s\n' "$what"
        [ -n "$STEP_NAME" ] && printf '  step: %s\n' "$STEP_NAME"
        if [ -n "$log" ]; then
            printf '  log:  %s\n' "$log"
            if [ -s "$log" ]; then show_log "$log"; fi
        fi
        [ -n "$try" ] && printf '  try:  %s\n' "$try"
        [ "$log" = "$ALL_LOG" ] || printf '  all output: %s\n' "$ALL_LOG"
    } >&3
    exit 1
}

# The end of a log, as a person reads it.
show_log() {
    local filter=(cat)
    if [ -x /usr/bin/python3 ]; then filter=(/usr/bin/python3 "${BASH_SOURCE[0]%/*}/logtail.py"); fi
    tail -n 12 "$1" | "${filter[@]}" | tail -n 20 | cut -c1-220 | sed 's/^/      | /'
}

on_error() {
    local code=$? line=$1
    local where="${BASH_SOURCE[1]##*/}:$line (${FUNCNAME[1]:-main})"
    fail "a command ended with status $code at $where" "$STEP_LOG" \
        "read the log above; then run the script again (it continues where it stopped)"
}

# step NAME FUNCTION [ARGS]: run a function with its output in the log, and show how long it took.
step() {
    local name=$1; shift
    STEP_NAME=$name
    local started took note
    started=$(now_ms)
    STEP_NOTE=""
    printf '  %-46s ' "$name" >&3
    printf '\n=== %s\n' "$name" >>"$STEP_LOG"
    "$@" >>"$STEP_LOG" 2>&1
    took=$(($(now_ms) - started))
    note=${STEP_NOTE:+  ($STEP_NOTE)}
    printf '%8s%s\n' "$(seconds $took)" "$note" >&3
    STEP_TIMES+=("$took|$name")
    STEP_NAME=""
}

# background NAME FUNCTION [ARGS]: start a function aside; `join` waits for all of them.
background() {
    local name=$1; shift
    local log=${STEP_LOG%.log}-${name// /-}.log
    : >"$log"
    chmod 0600 "$log"
    ( STEP_NAME=$name; STEP_LOG=$log; "$@" ) >>"$log" 2>&1 &
    BACKGROUND+=("$!|$name|$log|$(now_ms)")
}

# join [NAME...]: wait for these background functions (all of them without a name); fails if one failed.
join() {
    local entry pid name log failed rest=() bad=""
    for entry in "${BACKGROUND[@]}"; do
        IFS='|' read -r pid name log _ <<<"$entry"
        if [ $# -gt 0 ] && [[ " $* " != *" $name "* ]]; then rest+=("$entry"); continue; fi
        # the log of one that failed stays: its message names it
        if ! wait "$pid"; then failed=yes; bad+=" $name"; else failed=""; fi
        cat "$log" >>"$STEP_LOG"
        [ -n "$failed" ] || rm -f "$log"
    done
    BACKGROUND=("${rest[@]}")
    if [ -n "$bad" ]; then
        # each has said itself what failed
        trap - ERR
        say "  given up:$bad"
        exit 1
    fi
}

# wait_until SECONDS COMMAND...: try a command ten times a second until it succeeds; status 1 when time is up.
wait_until() {
    local until_ms=$(($(now_ms) + $1 * 1000)); shift
    until "$@" >/dev/null 2>&1; do
        if [ "$(now_ms)" -ge "$until_ms" ]; then return 1; fi
        sleep 0.1
    done
}

# Is something listening there?
port_open() { (exec 4<>"/dev/tcp/$1/$2") 2>/dev/null; }

# Who listens on a TCP port of this machine ("mariadbd, pid 42"), or nothing.
port_owner() {
    ss -Hltnp "sport = :$1" 2>/dev/null | grep -o 'users:(("[^"]*",pid=[0-9]*' | head -1 |
        sed 's/users:(("\([^"]*\)",pid=\([0-9]*\)/\1, pid \2/'
}

# need_free_port PORT SETTING WHAT: give up, with the owner's name, when a port is taken.
need_free_port() {
    local owner
    [ -n "$(ss -Hltn "sport = :$1" 2>/dev/null)" ] || return 0
    owner=$(port_owner "$1")
    fail "port $1, which $3 needs, is taken by ${owner:-another program}" "" \
        "stop that program, or put $2=OTHER_PORT into devstack/local.conf"
}

# running PIDFILE MARK: does this pid file name a live process whose command line contains MARK?
running() {
    local pid
    [ -s "$1" ] || return 1
    read -r pid _ <"$1" || [ -n "$pid" ] || return 1
    [[ $pid =~ ^[0-9]+$ ]] && [ -r "/proc/$pid/cmdline" ] || return 1
    { tr '\0' ' ' <"/proc/$pid/cmdline"; } 2>/dev/null | grep -qF -- "$2"
}

# stop_pid PIDFILE MARK [SECONDS]: end the process of a pid file: TERM, after SECONDS KILL; nothing if it is not ours.
stop_pid() {
    local pid seconds=${3:-10}
    if running "$1" "$2"; then
        read -r pid _ <"$1" || true
        kill -TERM "$pid" 2>/dev/null || true
        if ! wait_until "$seconds" pid_gone "$pid"; then
            kill -KILL "$pid" 2>/dev/null || true
            wait_until 5 pid_gone "$pid" || true
        fi
    fi
    rm -f "$1"
}

# A zombie counts as gone: it holds nothing any more.
pid_gone() { [ ! -d "/proc/$1" ] || grep -q '^State:.Z' "/proc/$1/status" 2>/dev/null; }

# detach LOG COMMAND...: start a program in its own session, without our descriptors. Its pid is in DETACHED_PID.
detach() {
    local log=$1; shift
    setsid "$@" </dev/null >>"$log" 2>&1 3>&- 9>&- &
    DETACHED_PID=$!
    disown "$DETACHED_PID" 2>/dev/null || true
}

# write_file PATH MODE [OWNER]: standard input becomes the file, whole or not at all, never readable by others meanwhile.
write_file() {
    local tmp
    tmp=$(mktemp "$1.XXXXXX")
    cat >"$tmp"
    chmod "$2" "$tmp"
    if [ -n "${3:-}" ] && [ "$(id -u)" = 0 ]; then chown "$3" "$tmp"; fi
    mv -f "$tmp" "$1"
}

random_hex() { od -An -N"${1:-16}" -tx1 /dev/urandom | tr -d ' \n'; }

have() { command -v "$1" >/dev/null 2>&1; }

# One stack.sh or unstack.sh at a time on a machine.
one_at_a_time() {
    mkdir -p /run/lock
    exec 9>/run/lock/altostack.lock
    flock -n 9 || { echo "FAILED: another stack.sh or unstack.sh is running on this machine" >&2; exit 1; }
}
