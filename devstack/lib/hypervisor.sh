#!/bin/bash
# libvirtd (a private one, unless one runs already), the KVM probe, and the end of tgtd.

LIBVIRT_SOCKET=/run/libvirt/libvirt-sock

# Does KVM run a guest here? Processor flags first, then a guest of five instructions that must end by itself
# within seconds: on some machines /dev/kvm opens and then hangs whatever uses it.
kvm_works() {
    local dir status=0
    grep -qwE 'vmx|svm' /proc/cpuinfo || { echo "KVM: the processor shows neither vmx nor svm"; return 1; }
    [ -c /dev/kvm ] || { echo "KVM: there is no /dev/kvm"; return 1; }
    dir=$(mktemp -d)
    # mov al,0x10; out 0xf4,al; hlt - isa-debug-exit turns that into exit status 33
    { printf '\xb0\x10\xe6\xf4\xf4'; head -c 505 /dev/zero; printf '\x55\xaa'; } >"$dir/boot"
    timeout -k 1 8 qemu-system-x86_64 -accel kvm -cpu host -m 16 -nodefaults -display none -no-reboot \
        -drive "file=$dir/boot,format=raw,if=ide" -device isa-debug-exit,iobase=0xf4,iosize=1 || status=$?
    rm -rf "$dir"
    if [ $status = 33 ]; then echo "KVM: the probe guest answered"; return 0; fi
    echo "KVM: /dev/kvm is there, but the probe guest did not answer in time (status $status)"
    return 1
}

# KVM_USABLE becomes yes or no, by the setting or by the probe.
kvm_decide() {
    case $VIRT_TYPE in
        kvm) KVM_USABLE=yes ;;
        qemu) KVM_USABLE=no ;;
        *) if kvm_works; then KVM_USABLE=yes; else KVM_USABLE=no; fi ;;
    esac
    echo "$KVM_USABLE" >"$RUN_DIR/kvm"
    if [ "$KVM_USABLE" = yes ]; then STEP_NOTE="KVM"; else STEP_NOTE="emulation"; fi
}

libvirt_answers() { timeout 20 virsh -c qemu:///system version >/dev/null 2>&1; }

# QEMU as root without what needs other daemons (dbus, udev, virtlogd, apparmor): Debian's own user would make libvirtd
# probe QEMU again for every domain where that user may not open /dev/kvm.
qemu_conf() {
    cat <<'CNF'
user = "root"
group = "root"
dynamic_ownership = 0
remember_owner = 0
security_driver = "none"
namespaces = []
cgroup_controllers = []
stdio_handler = "file"
max_core = 0
vnc_allow_host_audio = 0
CNF
}

libvirt_config() {
    local dir=$1
    mkdir -p "$dir"/{etc/qemu,lib/qemu,cache,log}
    cp -n /etc/libvirt/*.conf "$dir/etc/" 2>/dev/null || true
    qemu_conf >"$dir/etc/qemu.conf"
    cat >"$dir/etc/libvirtd.conf" <<CNF
unix_sock_group = "root"
unix_sock_ro_perms = "0770"
unix_sock_rw_perms = "0770"
auth_unix_ro = "none"
auth_unix_rw = "none"
max_clients = 200
min_workers = 2
max_workers = 10
log_outputs = "3:file:$dir/log/libvirtd.log"
host_uuid = "$(libvirt_host_uuid "$dir")"
CNF
}

# One identity per machine, kept: several machines of a lab may share their firmware's.
libvirt_host_uuid() {
    [ -s "$1/host-uuid" ] || cat /proc/sys/kernel/random/uuid >"$1/host-uuid"
    cat "$1/host-uuid"
}

# The private libvirtd lives in a mount namespace: its /etc, /var/lib and /var/cache folders are ours, the socket
# is the usual one. "slave" lets it see what is mounted on the machine later.
libvirt_start() {
    local dir=$STATE_DIR/libvirt
    if libvirt_answers; then
        if running "$RUN_DIR/libvirtd.pid" libvirtd; then echo "libvirtd runs already"; else STEP_NOTE="the system's own libvirtd"; fi
        return 0
    fi
    if [ -d /run/systemd/system ] && systemctl is-active -q libvirtd.socket 2>/dev/null; then
        systemctl stop libvirtd.service libvirtd.socket libvirtd-ro.socket libvirtd-admin.socket 2>/dev/null || true
    fi
    libvirt_config "$dir"
    mkdir -p /run/libvirt /etc/libvirt /var/lib/libvirt /var/cache/libvirt
    rm -f "$RUN_DIR/libvirtd.pid"
    # of guests that ran when the power was cut libvirt keeps folders for ever: it knows guests from /run, where nothing is left
    if ! compgen -G "/run/libvirt/qemu/*.pid" >/dev/null; then rm -rf "$dir"/lib/qemu/domain-* "$dir"/lib/qemu/channel/target/domain-*; fi
    detach "$LOG_DIR/libvirtd.out" unshare --mount --propagation slave -- /bin/sh -ec "
        mount --bind '$dir/etc' /etc/libvirt
        mount --bind '$dir/lib' /var/lib/libvirt
        mount --bind '$dir/cache' /var/cache/libvirt
        exec libvirtd --pid-file '$RUN_DIR/libvirtd.pid'"
    wait_until 60 libvirt_answers || fail "libvirtd does not answer" "$dir/log/libvirtd.log" \
        "see also $LOG_DIR/libvirtd.out; if another libvirtd is half dead, end it and remove $LIBVIRT_SOCKET"
}

libvirt_stop() {
    stop_pid "$RUN_DIR/libvirtd.pid" libvirtd 10
    if [ -S $LIBVIRT_SOCKET ] && ! libvirt_answers; then rm -f /run/libvirt/libvirt-{sock,sock-ro,admin-sock}; fi
}

# ---------------------------------------------------------------- iSCSI target

# The volume agent starts tgtd itself (and again when it died); here it is only made sure that it can.
ISCSI_PID="volumes/tgtd.pid"

iscsi_port_free() {
    running "$STATE_DIR/$ISCSI_PID" tgtd || need_free_port "$ISCSI_PORT" ISCSI_PORT "the iSCSI target"
}

# It ignores SIGTERM. One without its pid file is ended by helpers_kill: its command line names that file.
tgtd_stop() { stop_pid "$STATE_DIR/$ISCSI_PID" tgtd 1; }
