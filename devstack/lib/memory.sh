#!/bin/bash
# Kernel same-page merging: the daemons are forks of one process, and most of what parts their pages again is written alike
# in all of them. Switched on when the cloud is up: first quickly, until everything was looked at, then at leisure.

KSM_DIR=/sys/kernel/mm/ksm
KSM_OPTIONS="run pages_to_scan sleep_millisecs"

# A kernel without it, or a container that may not: nothing is merged, and nothing else changes.
ksm_possible() { [ "$KSM" = true ] && [ -w "$KSM_DIR/run" ]; }

ksm_start() {
    local option
    if ! ksm_possible; then STEP_NOTE="not merged: KSM=$KSM, or not this kernel"; return 0; fi
    if [ ! -e "$STATE_DIR/ksm" ]; then
        # somebody else's then, as on a machine made of namespaces: it stays as it is, also at unstack.sh
        if [ "$(cat "$KSM_DIR/run")" != 0 ]; then STEP_NOTE="merged already"; return 0; fi
        for option in $KSM_OPTIONS; do echo "$option $(cat "$KSM_DIR/$option")"; done >"$STATE_DIR/ksm"
    fi
    # shellcheck disable=SC2016  # for the inner shell
    detach /dev/null bash -c '
        cd "$1" && echo 20 >sleep_millisecs && echo 2500 >pages_to_scan && echo 1 >run || exit
        until=$((SECONDS + 120)) last=$(($(cat full_scans) + 4)) # a page that is new is merged at its third look
        while [ "$(cat full_scans)" -lt "$last" ] && [ "$SECONDS" -lt "$until" ]; do sleep 1; done
        echo 100 >pages_to_scan && echo 200 >sleep_millisecs' ksm "$KSM_DIR"
    echo "$DETACHED_PID" >"$RUN_DIR/ksm.pid"
}

# As it was before stack.sh.
ksm_stop() {
    local option value
    [ -e "$STATE_DIR/ksm" ] || return 0
    stop_pid "$RUN_DIR/ksm.pid" "ksm $KSM_DIR" 5
    while read -r option value; do echo "$value" >"$KSM_DIR/$option" || true; done <"$STATE_DIR/ksm"
    rm -f "$STATE_DIR/ksm"
}
