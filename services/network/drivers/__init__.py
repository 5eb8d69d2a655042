"""The host side of the network service: make a host equal to a desired state, and nothing else.

No RPC, no database, no decision: an agent says what should be there (`objects.host_state.HostState`), the drivers
make it so, tell what they could not do, and do nothing when it already is so.

How an agent uses it::

    config = DriverConfig(state_dir="/var/lib/altostack/network", local_ip="192.0.2.1", ...)
    stack = stack.build("linux", config)                # or "simulated": no root, all in memory
    stack.links.start(on_tap)                            # on_tap(name, present), from another thread:
                                                         #   stack.layer2.forget_device(name), then wake the loop;
                                                         #   name "" means events were lost: do a full pass
    done = stack.apply(state, full=True)                 # at start, and every few minutes: reads the host, removes orphans
    done = stack.apply(dataclasses.replace(state, ports=...))   # on every poke: only the difference costs
    stack.close()                                        # ends threads; the host keeps working

Rules for the caller:

- `state` is always everything that this host should have, never a part: what is not in it is taken away. So
  the agent must not apply before its conductor has answered once.
- Reuse the objects that did not change; that is what makes a pass cheap (250 ports, one more: 5 ms of CPU, two programs).
- One thread applies. Several pokes that wait are one pass.
- Tell the conductor that a port is up when it is in `done.wired`: it is then in its bridge and has its rules.
  `done.missing` are ports whose tap the hypervisor has not made yet; the link monitor wakes the loop when it does.
- `done.errors` names what failed, one line each, for logs and agent states; failed units are tried again by the next pass.
- A port that leaves the host: remove it from `ports` after, or before, its tap goes; both orders are fine. Its bridge goes with
  the last tap, at the latest in the next full pass.
- The rules of a port come expanded; remote groups stay names, and their members come as `address_sets` (of all hosts), so
  that a member joining touches one set element per host.
- DHCP and router ports belong to this host's state as part of `Dhcp` and `Router`; their `device_owner` must start with
  `network:`. A network they are in must be among `segments`.

What each driver realises:

==================  ========================  =======================================================================
capability (base)   implementation            on the host
==================  ========================  =======================================================================
Layer2              linux_bridge, vxlan       `brq<network>`; `vxlan-<vni>` without learning and its forwarding entries;
                                              flat and vlan by enslaving a device, or by a veth into an operator's bridge
Firewall            nft_firewall, nft_model,  tables `bridge altostack` and `inet altostack`: anti-spoofing, stateful
                    nft_rules, conntrack      rules, deny by default; one conntrack zone per network
Dhcp                dnsmasq, dnsmasq_files    namespace `qdhcp-<network>`, one dnsmasq, files in STATE_DIR/dhcp/<network>
Routing             namespace_router,         namespace `qrouter-<router>`, `qr-`/`qg-` devices, table `ip altostack`,
                    router_nat, router_ra     routes of protocol static; a dnsmasq for router advertisements
MetadataProxy       metadata_proxy,           sockets in those namespaces, served by threads of the agent
                    metadata_http
LinkWatch           link_monitor              a netlink socket
all of them         simulated                 nothing
==================  ========================  =======================================================================

What is ours is recognised by the alias `altostack` on devices, by the names of namespaces and by the names of tables; nothing
else is ever removed. One thing reaches further: a device named `tap*` in *any* bridge of the host is denied
unless it is a port of ours, as this kernel's nftables cannot ask for the bridge.
"""
