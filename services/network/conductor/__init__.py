"""The conductor: what hosts should look like, where DHCP and routers run, who is told what."""
