"""Attributes of agents, and the bodies that schedule networks and routers to them."""

from common.http.validation import Schema
from services.network.api.attributes import ANYTHING, BOOLEAN, STRING_OR_NULL, UUID, Attr, Resource, flag, shown

AGENT_RESOURCE = Resource("agent", "agents", {
    "id": shown(), "agent_type": shown(), "binary": shown(), "topic": shown(), "host": shown(), "alive": shown(""),
    "availability_zone": shown(), "admin_state_up": flag(post=False), "description": Attr(STRING_OR_NULL, post=False),
    "created_at": shown(), "started_at": shown(), "heartbeat_timestamp": shown("heartbeat_at"), "configurations": shown(""),
    "resources_synced": shown(""), "resource_versions": shown(""),
})
AGENT = Schema({"type": "object", "required": ["agent"], "additionalProperties": False, "properties": {"agent": {
    "type": "object", "additionalProperties": False,
    "properties": {"admin_state_up": BOOLEAN, "description": STRING_OR_NULL}}}})
NETWORK = Schema({"type": "object", "required": ["network_id"], "properties": {"network_id": UUID, "id": ANYTHING}})
ROUTER = Schema({"type": "object", "required": ["router_id"], "properties": {"router_id": UUID, "id": ANYTHING}})
