"""Networks, ports, routers and security groups (stands in for Neutron)."""
