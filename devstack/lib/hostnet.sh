#!/bin/bash
# The public network's end on this machine: a bridge with the gateway's address, and NAT to the world.

NAT_TABLE=altostack_devstack

hostnet_make() {
    local length=${PUBLIC_CIDR#*/} key
    if ! ip link show "$PUBLIC_BRIDGE" >/dev/null 2>&1; then
        ip link add "$PUBLIC_BRIDGE" type bridge || fail "no bridge $PUBLIC_BRIDGE could be made" "$STEP_LOG" \
            "does this kernel have bridges (modprobe bridge), and is this root with network rights?"
    fi
    ip link set "$PUBLIC_BRIDGE" up
    for key in net.ipv4.ip_forward net.ipv6.conf.all.forwarding; do sysctl -q -w "$key=1" || true; done
    if [ -n "$PUBLIC_INTERFACE" ]; then
        ip link set "$PUBLIC_INTERFACE" master "$PUBLIC_BRIDGE" || fail "PUBLIC_INTERFACE=$PUBLIC_INTERFACE could not join $PUBLIC_BRIDGE" \
            "$STEP_LOG" "ip link show $PUBLIC_INTERFACE"
        return 0
    fi
    ip addr replace "$PUBLIC_GATEWAY/$length" dev "$PUBLIC_BRIDGE"
    hostnet_nat
}

# Servers' addresses leave under this machine's own; where a firewall forbids forwarding by default it is said.
hostnet_nat() {
    nft -f - <<NFT || fail "the NAT rule for $PUBLIC_CIDR could not be set" "$STEP_LOG" "nft list ruleset; does this kernel have nf_tables NAT?"
table ip $NAT_TABLE
delete table ip $NAT_TABLE
table ip $NAT_TABLE {
    chain postrouting {
        type nat hook postrouting priority 100; policy accept;
        # what tenants' bridges carry passes here too (br_netfilter) and keeps its addresses
        ip saddr $PUBLIC_CIDR ip daddr != $PUBLIC_CIDR oifname != "$PUBLIC_BRIDGE" oifname != "brq*" masquerade
    }
}
NFT
    if nft list chain ip filter FORWARD 2>/dev/null | grep -q 'policy drop'; then
        STEP_NOTE="this machine's firewall drops forwarded packets: servers will not reach the outside"
    fi
}

hostnet_remove() {
    nft delete table ip "$NAT_TABLE" 2>/dev/null || true
    if [ -n "$PUBLIC_INTERFACE" ]; then ip link set "$PUBLIC_INTERFACE" nomaster 2>/dev/null || true; fi
    ip link delete "$PUBLIC_BRIDGE" 2>/dev/null || true
}

# Remove what the network agent made: namespaces, taps, bridges, VXLAN devices, tables, by their names' forms.
agent_network_remove() {
    local name pid table
    for name in $(ip netns list 2>/dev/null | awk '$1 ~ /^(qrouter|qdhcp)-[0-9a-f]+-/ {print $1}'); do
        for pid in $(ip netns pids "$name" 2>/dev/null); do kill -KILL "$pid" 2>/dev/null || true; done
        ip netns delete "$name" 2>/dev/null || true
    done
    for name in $(ip -o link show 2>/dev/null | awk -F': ' '{sub(/@.*/, "", $2)}
        $2 ~ /^(tap|brq|phx|phy|ns-|qr-|qg-)[0-9a-f]+-[0-9a-f][0-9a-f]$/ || $2 ~ /^vxlan-[0-9]+$/ {print $2}'); do
        ip link delete "$name" 2>/dev/null || true
    done
    nft list tables 2>/dev/null | awk '$3 ~ /^altostack(_|$)/' | while read -r _ table; do
        # shellcheck disable=SC2086  # family and name
        nft delete table $table 2>/dev/null || true
    done
}
