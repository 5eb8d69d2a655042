"""What this API offers beyond the core, by upstream's extension aliases. Only what really works stands here."""

from typing import Any

COLLECTIONS = (("network", "networks"), ("subnet", "subnets"), ("subnetpool", "subnetpools"), ("port", "ports"))
_UPDATED = "2024-01-01T00:00:00-00:00"
EXTENSIONS: dict[str, str] = {
    "address-group": "Address groups", "address-scope": "Address scopes", "agent": "Agents",
    "allowed-address-pairs": "Allowed address pairs of ports", "auto-allocated-topology": "A network without asking",
    "availability_zone": "Availability zones",
    "availability_zone_filter": "Filters of availability zones", "binding": "Port bindings",
    "binding-extended": "Several bindings of a port",
    "default-subnetpools": "Default subnet pools", "dhcp_agent_scheduler": "Scheduling of DHCP to agents",
    "dns-integration": "DNS names of ports", "dns-domain-ports": "DNS domains of ports", "external-net": "External networks",
    "empty-string-filtering": "Filtering by empty strings", "ext-gw-mode": "SNAT of router gateways can be switched",
    "extra_dhcp_opt": "Extra DHCP options of ports", "extraroute": "Extra routes of routers",
    "extraroute-atomic": "Adding and removing extra routes atomically", "filter-validation": "Filters are validated",
    "expose-port-forwarding-in-fip": "Floating IPs show their port forwardings",
    "floating-ip-port-forwarding": "Port forwardings of floating IPs",
    "floating-ip-port-forwarding-description": "Descriptions of port forwardings",
    "fip-port-details": "Port details of floating IPs", "ip_allocation": "How a port gets its addresses",
    "ip-substring-filtering": "Filtering ports by a part of their address",
    "l3_agent_scheduler": "Scheduling of routers to agents",
    "net-mtu": "MTU of networks", "net-mtu-writable": "MTU of networks can be set",
    "network-ip-availability": "Addresses in use per network", "network_availability_zone": "Availability zones of networks",
    "pagination": "Pagination of lists", "port-mac-address-regenerate": "A null MAC address is a new one",
    "port-security": "Port security can be switched", "port-security-groups-filtering": "Filtering ports by security group",
    "project-id": "project_id beside tenant_id", "provider": "Provider attributes of networks", "quotas": "Quotas",
    "quota_details": "Quotas with what is in use", "quota-check-limit": "Quotas are not set below what is in use",
    "rbac-policies": "Sharing networks", "rbac-address-group": "Sharing address groups",
    "rbac-address-scope": "Sharing address scopes", "rbac-security-groups": "Sharing security groups",
    "rbac-subnetpool": "Sharing subnet pools", "revision-if-match": "Changes on condition of a revision",
    "router": "Routers and floating IPs", "router_availability_zone": "Availability zones of routers",
    "security-group": "Security groups", "security-groups-default-rules": "Rules that new security groups start with",
    "security-groups-normalized-cidr": "Normalized prefixes of rules",
    "security-groups-remote-address-group": "Address groups in rules",
    "security-groups-rules-belongs-to-default-sg": "Rules say whether their group is a default one",
    "security-groups-shared-filtering": "Filtering shared security groups", "service-type": "Service providers",
    "sorting": "Sorting of lists", "sort-key-validation": "Sort keys are validated",
    "standard-attr-description": "Descriptions", "standard-attr-revisions": "Revision numbers",
    "standard-attr-tag": "Tags", "tag": "Tags of networks", "tag-ext": "Tags of other resources",
    "standard-attr-timestamp": "Times of creation and change",
    "stateful-security-group": "Stateless security groups", "subnet_allocation": "Subnets from subnet pools",
    "subnet-external-network": "Subnets of external networks are visible", "subnet-service-types": "Service types of subnets",
    "subnetpool-prefix-ops": "Adding and removing prefixes of subnet pools", "tag-creation": "Tags on creation",
    "tag-ports-during-bulk-creation": "Tags on bulk creation of ports",
    "security-groups-name-restrictions": "No second group called default",
}


def show(alias: str) -> dict[str, Any]:
    """One extension as the API shows it."""
    return {"alias": alias, "name": EXTENSIONS[alias], "description": EXTENSIONS[alias] + ".", "updated": _UPDATED, "links": []}
