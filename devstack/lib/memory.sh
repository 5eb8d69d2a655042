#!/bin/bash
# Kernel same-page merging: the daemons are forks of one process, and most of what parts their pages again is written alike
# in all of them. The kernel looks for equal pages when there is something to find: once the cloud is up, and whenever work
# parted many pages again. Between, it rests, at no cost: what is merged stays so.

KSM_DIR=/sys/kernel/mm/ksm
KSM_OPTIONS="run pages_to_scan sleep_millisecs smart_scan"
KSM_PASSES=4                     # a page that is new is merged at its third look
: "${KSM_LOOK_S:=10}"
KSM_PATIENCE=30                  # looks, before it merges although the cloud is not at rest

# A kernel without it, or a container that may not: nothing is merged, and nothing else changes.
ksm_possible() { [ "$KSM" = true ] && [ -w "$KSM_DIR/run" ]; }

ksm_start() {
    local option
    if ! ksm_possible; then STEP_NOTE="not merged: KSM=$KSM, or not this kernel"; return 0; fi
    if [ ! -e "$STATE_DIR/ksm" ]; then
        # somebody else's then, as on a machine made of namespaces: it stays as it is, also at unstack.sh
        if [ "$(cat "$KSM_DIR/run")" != 0 ]; then STEP_NOTE="merged already"; return 0; fi
        for option in $KSM_OPTIONS; do
            if [ -e "$KSM_DIR/$option" ]; then echo "$option $(cat "$KSM_DIR/$option")"; fi
        done >"$STATE_DIR/ksm"
    fi
    stop_pid "$RUN_DIR/ksm.pid" "ksm-keep $KSM_DIR" 5
    detach /dev/null bash "${BASH_SOURCE[0]}" ksm-keep "$KSM_DIR"
    echo "$DETACHED_PID" >"$RUN_DIR/ksm.pid"
}

# As it was before stack.sh.
ksm_stop() {
    local option value
    stop_pid "$RUN_DIR/ksm.pid" "ksm-keep $KSM_DIR" 5
    [ -e "$STATE_DIR/ksm" ] || return 0
    while read -r option value; do echo "$value" >"$KSM_DIR/$option" || true; done <"$STATE_DIR/ksm"
    rm -f "$STATE_DIR/ksm"
}

# The kernel's figure of that name, into KSM_VALUE; no process is made for it.
ksm_read() { read -r KSM_VALUE <"$1"; }

# Merge what is equal: some seconds of CPU.
ksm_merge() {
    local last
    ksm_read full_scans
    last=$((KSM_VALUE + KSM_PASSES))
    echo 1 >run
    while [ "$KSM_VALUE" -lt "$last" ]; do ksm_rest 1; ksm_read full_scans; done
    echo 0 >run
}

ksm_rest() { read -rt "$1" -u "$KSM_NOTHING" || true; }

# The process that stays: merge, and again when a tenth of what was merged is parted, best when that has come to its end.
ksm_keep() {
    local merged before waited=0
    cd "$1" || exit
    exec {KSM_NOTHING}<> <(:)
    if [ -e smart_scan ]; then echo 0 >smart_scan; fi # it would leave out pages that were never equal for eight passes
    echo 20 >sleep_millisecs
    echo 2500 >pages_to_scan
    ksm_merge
    ksm_read pages_sharing
    merged=$KSM_VALUE
    while :; do
        before=$KSM_VALUE
        ksm_rest "$KSM_LOOK_S"
        ksm_read pages_sharing
        if [ "$KSM_VALUE" -ge $((merged - merged / 10)) ]; then continue; fi
        waited=$((waited + 1))
        if [ "$KSM_VALUE" -lt $((before - merged / 200)) ] && [ "$waited" -lt "$KSM_PATIENCE" ]; then continue; fi
        ksm_merge
        ksm_read pages_sharing
        merged=$KSM_VALUE waited=0
    done
}

if [ "${1:-}" = ksm-keep ] && [ "${BASH_SOURCE[0]}" = "$0" ]; then
    set -euo pipefail
    ksm_keep "$2"
fi
