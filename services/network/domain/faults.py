"""The errors of this service, with the names and texts that upstream's clients know."""

from common import errors


def not_found(kind: str, what: str, id: str) -> errors.NotFound:
    """404, e.g. not_found("NetworkNotFound", "Network", id)."""
    return errors.NotFound(f"{what} {id} could not be found.", kind=kind)


def invalid(message: str, kind: str = "InvalidInput") -> errors.BadRequest:
    """400 of type InvalidInput: the values make no sense."""
    return errors.BadRequest(f"Invalid input for operation: {message}." if kind == "InvalidInput" else message, kind=kind)


def bad(message: str) -> errors.BadRequest:
    """400 of type HTTPBadRequest: what the API layer refuses."""
    return errors.BadRequest(message, kind="HTTPBadRequest")


def conflict(kind: str, message: str) -> errors.Conflict:
    """409."""
    return errors.Conflict(message, kind=kind)


def over_quota(resource: str) -> errors.Conflict:
    """409: one more than the project may have."""
    return errors.Conflict(f"Quota exceeded for resources: ['{resource}'].", kind="OverQuota")


def network_in_use(network_id: str) -> errors.Conflict:
    """409: ports are left."""
    return conflict("NetworkInUse", f"Unable to complete operation on network {network_id}. There are one or more "
                                    "ports still in use on the network.")


def subnet_in_use(subnet_id: str, reason: str = "One or more ports have an IP allocation from this subnet.") -> errors.Conflict:
    """409: addresses of the subnet are in use."""
    return conflict("SubnetInUse", f"Unable to complete operation on subnet {subnet_id}: {reason}")


def address_in_use(ip: str, subnet_id: str) -> errors.Conflict:
    """409: the address was given out."""
    return conflict("IpAddressAlreadyAllocated", f"IP address {ip} already allocated in subnet {subnet_id}")


def no_addresses(network_id: str) -> errors.Conflict:
    """409: every pool is empty."""
    return conflict("IpAddressGenerationFailure", f"No more IP addresses available on network {network_id}.")


def not_found_text(kind: str, message: str) -> errors.NotFound:
    """404 with a text of its own."""
    return errors.NotFound(message, kind=kind)
