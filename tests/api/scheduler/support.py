"""Shorthands for tests of the Placement API."""

from common import ids


def provider(client, name=None, parent=None, inventory=None, traits=(), aggregates=()):
    """Make a provider {class: total or fields}; its uuid."""
    body = {"name": name or ids.uuid(), "uuid": ids.uuid()}
    if parent:
        body["parent_provider_uuid"] = parent
    client.post("/resource_providers", body)
    uuid, generation = body["uuid"], 0
    if inventory:
        fields = {c: v if isinstance(v, dict) else {"total": v} for c, v in inventory.items()}
        client.put(f"/resource_providers/{uuid}/inventories",
                   {"resource_provider_generation": generation, "inventories": fields})
        generation += 1
    if traits:
        client.put(f"/resource_providers/{uuid}/traits",
                   {"resource_provider_generation": generation, "traits": list(traits)})
        generation += 1
    if aggregates:
        client.put(f"/resource_providers/{uuid}/aggregates",
                   {"resource_provider_generation": generation, "aggregates": list(aggregates)})
    return uuid


def allocation(allocations, generation=None, project="p", user="u", kind="INSTANCE"):
    """The body of `PUT /allocations` from {provider: {class: amount}}."""
    return {"allocations": {u: {"resources": r} for u, r in allocations.items()}, "project_id": project,
            "user_id": user, "consumer_generation": generation, "consumer_type": kind}


def claim(client, allocations, status=204, consumer=None, **kwargs):
    """PUT an allocation for a new (or the given) consumer; the consumer's uuid."""
    consumer = consumer or ids.uuid()
    client.put(f"/allocations/{consumer}", allocation(allocations, **kwargs), status=status)
    return consumer
