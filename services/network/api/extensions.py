"""What this API offers beyond the core, by upstream's extension aliases. Only what really works stands here."""

from typing import Any

COLLECTIONS = (("network", "networks"), ("subnet", "subnets"), ("subnetpool", "subnetpools"), ("port", "ports"))
_UPDATED = "2024-01-01T00:00:00-00:00"
EXTENSIONS: dict[str, tuple[str, str]] = {  # alias: (upstream's name, what it is)
    "address-group": ("Address group", "Address groups"),
    "address-scope": ("Address scope", "Address scopes"),
    "agent": ("agent", "Agents"),
    "allowed-address-pairs": ("Allowed Address Pairs", "Allowed address pairs of ports"),
    "auto-allocated-topology": ("Auto Allocated Topology Services", "A network without asking"),
    "availability_zone": ("Availability Zone", "Availability zones"),
    "availability_zone_filter": ("Availability Zone Filter Extension", "Filters of availability zones"),
    "binding": ("Port Binding", "Port bindings"),
    "binding-extended": ("Port Bindings Extended", "Several bindings of a port"),
    "default-subnetpools": ("Default Subnetpools", "Default subnet pools"),
    "dhcp_agent_scheduler": ("DHCP Agent Scheduler", "Scheduling of DHCP to agents"),
    "dns-domain-ports": ("dns_domain for ports", "DNS domains of ports"),
    "dns-integration": ("DNS Integration", "DNS names of ports"),
    "empty-string-filtering": ("Empty String Filtering Extension", "Filtering by empty strings"),
    "expose-port-forwarding-in-fip": ("Expose Floating IP port forwardings", "Floating IPs show their port forwardings"),
    "ext-gw-mode": ("Neutron L3 Configurable external gateway mode", "SNAT of router gateways can be switched"),
    "external-net": ("Neutron external network", "External networks"),
    "extra_dhcp_opt": ("Neutron Extra DHCP options", "Extra DHCP options of ports"),
    "extraroute": ("Neutron Extra Route", "Extra routes of routers"),
    "extraroute-atomic": ("Atomically add/remove extra routes", "Adding and removing extra routes atomically"),
    "filter-validation": ("Filter parameters validation", "Filters are validated"),
    "fip-port-details": ("Floating IP Port Details Extension", "Port details of floating IPs"),
    "floating-ip-port-forwarding": ("Floating IP Port Forwarding", "Port forwardings of floating IPs"),
    "floating-ip-port-forwarding-description": (
        "Floating IP Port Forwarding new attribute description",
        "Descriptions of port forwardings"),
    "ip-substring-filtering": ("IP address substring filtering", "Filtering ports by a part of their address"),
    "ip_allocation": ("IP Allocation", "How a port gets its addresses"),
    "l3_agent_scheduler": ("L3 Agent Scheduler", "Scheduling of routers to agents"),
    "net-mtu": ("Network MTU", "MTU of networks"),
    "net-mtu-writable": ("Network MTU (writable)", "MTU of networks can be set"),
    "network-ip-availability": ("Network IP Availability", "Addresses in use per network"),
    "network_availability_zone": ("Network Availability Zone", "Availability zones of networks"),
    "pagination": ("Pagination support", "Pagination of lists"),
    "port-mac-address-regenerate": ("Neutron Port MAC address regenerate", "A null MAC address is a new one"),
    "port-security": ("Port Security", "Port security can be switched"),
    "port-security-groups-filtering": ("Port filtering on security groups", "Filtering ports by security group"),
    "project-id": ("project_id field enabled", "project_id beside tenant_id"),
    "provider": ("Provider Network", "Provider attributes of networks"),
    "quota-check-limit": ("Quota engine limit check", "Quotas are not set below what is in use"),
    "quota_details": ("Quota details management support", "Quotas with what is in use"),
    "quotas": ("Quota management support", "Quotas"),
    "rbac-address-group": ("Add address_group type to RBAC", "Sharing address groups"),
    "rbac-address-scope": ("Add address_scope type to RBAC", "Sharing address scopes"),
    "rbac-policies": ("RBAC Policies", "Sharing networks"),
    "rbac-security-groups": ("Add security_group type to network RBAC", "Sharing security groups"),
    "rbac-subnetpool": ("Add subnetpool type to RBAC", "Sharing subnet pools"),
    "revision-if-match": ("If-Match constraints based on revision_number", "Changes on condition of a revision"),
    "router": ("Neutron L3 Router", "Routers and floating IPs"),
    "router_availability_zone": ("Router Availability Zone", "Availability zones of routers"),
    "security-group": ("security-group", "Security groups"),
    "security-groups-default-rules": ("Default rules for security groups", "Rules that new security groups start with"),
    "security-groups-name-restrictions": ("Security group name restrictions", "No second group called default"),
    "security-groups-normalized-cidr": ("Normalized CIDR field for security group rules", "Normalized prefixes of rules"),
    "security-groups-remote-address-group": (
        "Remote address group id field for security group rules",
        "Address groups in rules"),
    "security-groups-rules-belongs-to-default-sg": (
        "Security group rule belongs to the project's default security group",
        "Rules say whether their group is a default one"),
    "security-groups-shared-filtering": ("Security group filtering on the shared field", "Filtering shared security groups"),
    "service-type": ("Neutron Service Type Management", "Service providers"),
    "sort-key-validation": ("Sort keys validation", "Sort keys are validated"),
    "sorting": ("Sorting support", "Sorting of lists"),
    "standard-attr-description": ("standard-attr-description", "Descriptions"),
    "standard-attr-revisions": ("Resource revision numbers", "Revision numbers"),
    "standard-attr-tag": (
        "Tag support for resources with standard attribute: "
        "port, subnet, subnetpool, network, router, floatingip, security_group",
        "Tags"),
    "standard-attr-timestamp": ("Resource timestamps", "Times of creation and change"),
    "stateful-security-group": ("Stateful security group", "Stateless security groups"),
    "subnet-external-network": ("Subnet belongs to an external network", "Subnets of external networks are visible"),
    "subnet-service-types": ("Subnet service types", "Service types of subnets"),
    "subnet_allocation": ("Subnet Allocation", "Subnets from subnet pools"),
    "subnetpool-prefix-ops": ("Subnet Pool Prefix Operations", "Adding and removing prefixes of subnet pools"),
    "tag": ("Tag support", "Tags of networks"),
    "tag-creation": ("Tag creation extension", "Tags on creation"),
    "tag-ext": ("Tag support for resources: subnet, port, subnetpool, router", "Tags of other resources"),
    "tag-ports-during-bulk-creation": ("Tag Ports During Bulk Creation", "Tags on bulk creation of ports"),
}


def show(alias: str) -> dict[str, Any]:
    """One extension as the API shows it."""
    name, text = EXTENSIONS[alias]
    return {"alias": alias, "name": name, "description": f"{text}.", "updated": _UPDATED, "links": []}
