"""Shorthands for tests of the Networking API."""

PATHS = {"security_group": "security-groups", "security_group_rule": "security-group-rules", "rbac_policy": "rbac-policies",
         "address_group": "address-groups", "address_scope": "address-scopes"}


def path(kind):
    return "/v2.0/" + PATHS.get(kind, kind + "s")


def make(client, kind, status=201, **values):
    """POST one resource; the resource, or (other status) the body."""
    body = client.post(path(kind), {kind: values}, status)
    return body[kind] if status == 201 else body


def kind_of(body):
    """The type of a fault."""
    return body["NeutronError"]["type"]


class Cloud:
    """What many tests need: a network with a subnet, an external network, a router between them."""

    def __init__(self, member, admin):
        self.member, self.admin = member, admin

    def network(self, client=None, **values):
        return make(client or self.member, "network", **{"name": "net", **values})

    def subnet(self, network, cidr="10.0.0.0/24", client=None, **values):
        version = 6 if ":" in cidr else 4
        return make(client or self.member, "subnet", network_id=network["id"], ip_version=version, cidr=cidr, **values)

    def port(self, network, client=None, **values):
        return make(client or self.member, "port", network_id=network["id"], **values)

    def external(self, cidr="172.24.4.0/24"):
        network = make(self.admin, "network", name="public", **{
            "router:external": True, "provider:network_type": "flat", "provider:physical_network": "public"})
        return network, self.subnet(network, cidr, client=self.admin, enable_dhcp=False)

    def routed(self):
        """(external network, inside network, inside subnet, router)"""
        outside, _ = self.external()
        network = self.network()
        subnet = self.subnet(network)
        router = make(self.member, "router", name="r", external_gateway_info={"network_id": outside["id"]})
        self.member.put(f"/v2.0/routers/{router['id']}/add_router_interface", {"subnet_id": subnet["id"]})
        return outside, network, subnet, router
