#!/bin/bash
# Debian packages: install what is missing, and nothing else.

PACKAGES_BASE="python3 python3-venv iproute2 curl openssl procps util-linux"
PACKAGES_CONTROL="mariadb-server rabbitmq-server memcached openssh-client"
PACKAGES_NETWORK="nftables dnsmasq-base conntrack bridge-utils iputils-arping iputils-ping radvd iptables"
PACKAGES_COMPUTE="libvirt-daemon libvirt-daemon-system libvirt-clients python3-libvirt qemu-system-x86 qemu-utils
    qemu-block-extra genisoimage dosfstools mount"
PACKAGES_VOLUME="tgt qemu-utils qemu-block-extra"
PACKAGES_GUEST="busybox-static dropbear-bin extlinux e2fsprogs openssh-sftp-server cpio qemu-utils util-linux"
PACKAGES_IMAGE="qemu-utils"
PACKAGES_TEST="python3-libvirt qemu-system-x86 openssh-client sshpass git ceph-common ceph-mon ceph-mgr ceph-osd radosgw python3-rados python3-rbd"

# The packages that this machine's daemons need.
wanted_packages() {
    local list=$PACKAGES_BASE
    joining || list+=" $PACKAGES_CONTROL $PACKAGES_IMAGE"
    if has_daemon network-agent && [ "$NETWORK_DRIVER" = linux ]; then list+=" $PACKAGES_NETWORK"; fi
    if has_daemon compute-agent && [ "$HYPERVISOR" = libvirt ]; then list+=" $PACKAGES_COMPUTE"; fi
    if has_daemon volume-agent && [ "$VOLUME_DRIVER" = iscsi ]; then list+=" $PACKAGES_VOLUME"; fi
    joining || list+=" $PACKAGES_GUEST"
    tr -s ' \n' '\n' <<<"$list" | sort -u
}

# Those of the given packages that are not installed.
missing_packages() {
    local installed
    # shellcheck disable=SC2016  # dpkg-query's own variables
    installed=$(dpkg-query -W -f '${Package} ${db:Status-Abbrev}\n' 2>/dev/null | awk '$2 == "ii" {print $1}' | sort -u)
    comm -23 <(tr ' ' '\n' <<<"$*" | grep . | sort -u) <(echo "$installed") | tr '\n' ' '
}

# install_packages NAME...: apt, without starting the packages' own daemons.
install_packages() {
    local missing policy=/usr/sbin/policy-rc.d made=""
    missing=$(missing_packages "$@")
    if [ -z "${missing// /}" ]; then
        STEP_NOTE="all there"
        return 0
    fi
    [ "$(id -u)" = 0 ] || fail "these Debian packages are missing: $missing" "" "as root: apt-get install $missing"
    have apt-get || fail "packages are missing and this is no Debian: $missing" "" "install them by hand"
    if [ ! -e $policy ]; then
        made=yes
        printf '#!/bin/sh\nexit 101\n' >$policy
        chmod 755 $policy
    fi
    apt_install "$missing" || { [ -z "$made" ] || rm -f $policy; packages_failed "$missing"; }
    [ -z "$made" ] || rm -f $policy
    # shellcheck disable=SC2034  # common.sh shows it
    STEP_NOTE="$(wc -w <<<"$missing") installed"
}

# With the package lists as they are; when that fails, with fresh ones.
apt_install() {
    local options=(-y -q --no-install-recommends -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=120)
    export DEBIAN_FRONTEND=noninteractive
    # shellcheck disable=SC2086  # a list of words
    apt-get "${options[@]}" install $1 </dev/null && return 0
    apt-get -q -o DPkg::Lock::Timeout=120 update </dev/null || true
    # shellcheck disable=SC2086
    apt-get "${options[@]}" install $1 </dev/null
}

packages_failed() {
    fail "apt-get could not install: $1" "$STEP_LOG" \
        "is the network up, and do /etc/apt/sources.list and df -h look right? Then: apt-get update && apt-get install $1"
}

# noVNC's pages out of Debian's package, whose dependencies (Node.js, numpy) nothing here needs; those of an installed one
# are used as they are.
novnc_fetch() {
    local work
    NOVNC_DIR=/usr/share/novnc
    if [ -e "$NOVNC_DIR/vnc_lite.html" ]; then return 0; fi
    NOVNC_DIR=$DEST/novnc
    if [ -e "$NOVNC_DIR/vnc_lite.html" ]; then return 0; fi
    work=$(mktemp -d /tmp/altostack-novnc.XXXXXX)
    chmod 755 "$work"    # apt downloads as a user of its own
    if (cd "$work" && { apt-get -q download novnc || { apt-get -q -o DPkg::Lock::Timeout=120 update && apt-get -q download novnc; }; } &&
        dpkg-deb -x novnc_*.deb files && mkdir -p "$DEST" && cp -r files/usr/share/novnc "$NOVNC_DIR"); then
        echo "noVNC in $NOVNC_DIR"
    else
        # shellcheck disable=SC2034  # common.sh shows it
        STEP_NOTE="not there: consoles show no page, other VNC clients work"
    fi
    rm -rf "$work"
}
