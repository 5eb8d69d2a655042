"""The documents under /v2/schemas, which clients use to learn what they may send."""

from typing import Any

from services.image.api.schemas import metadef


def collection(name: str, item: dict[str, Any], path: str, *, paged: bool = True) -> dict[str, Any]:
    """The schema of a list of `item`s."""
    properties: dict[str, Any] = {path: {"type": "array", "items": item}}
    links = [{"rel": "describedby", "href": "{schema}"}]
    if paged:
        properties["first"], properties["next"] = {"type": "string"}, {"type": "string"}
        links = [{"rel": "first", "href": "{first}"}, {"rel": "next", "href": "{next}"}, *links]
    properties["schema"] = {"type": "string"}
    return {"name": name, "properties": properties, "links": links}


MEMBER = {"name": "member", "properties": {
    "created_at": {"type": "string", "description": "Date and time of image member creation"},
    "image_id": {"type": "string", "description": "An identifier for the image",
                 "pattern": "^([0-9a-fA-F]){8}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){12}$"},
    "member_id": {"type": "string", "description": "An identifier for the image member (tenantId)"},
    "schema": {"readOnly": True, "type": "string"},
    "status": {"type": "string", "description": "The status of this image member",
               "enum": ["pending", "accepted", "rejected"]},
    "updated_at": {"type": "string", "description": "Date and time of last modification of image member"},
}}
TASK: dict[str, Any] = {"name": "task", "properties": {
    "id": {"description": "An identifier for the task", "type": "string",
           "pattern": "^([0-9a-fA-F]){8}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){12}$"},
    "type": {"description": "The type of task represented by this content", "type": "string",
             "enum": ["import", "api_image_import", "location_import"]},
    "status": {"description": "The current status of this task", "type": "string",
               "enum": ["pending", "processing", "success", "failure"]},
    "owner": {"description": "An identifier for the owner of this task", "type": "string"},
    "expires_at": {"description": "Datetime when this resource would be subject to removal", "type": ["null", "string"]},
    "created_at": {"description": "Datetime when this resource was created", "type": "string"},
    "updated_at": {"description": "Datetime when this resource was updated", "type": "string"},
    "self": {"readOnly": True, "type": "string"}, "schema": {"readOnly": True, "type": "string"},
    "input": {"description": "The parameters required by task, JSON blob", "type": ["null", "object"]},
    "result": {"description": "The result of current task, JSON blob", "type": ["null", "object"]},
    "message": {"description": "Human-readable informative message only included when appropriate (usually on failure)",
                "type": "string"},
    "image_id": {"description": "Image associated with the task", "type": "string"},
    "request_id": {"description": "Human-readable informative request-id", "type": "string"},
    "user_id": {"description": "User associated with the task", "type": "string"},
}}
_NOT_LISTED = ("input", "result", "message")


def documents(image: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Every schema document by its path below /v2/schemas."""
    brief_task = {"name": "task", "properties": {k: v for k, v in TASK["properties"].items() if k not in _NOT_LISTED}}
    return {
        "image": image, "images": collection("images", image, "images"),
        "member": MEMBER, "members": collection("members", MEMBER, "members", paged=False),
        "task": TASK, "tasks": collection("tasks", brief_task, "tasks", paged=False),
        **{f"metadefs/{name}": document for name, document in metadef.documents(collection).items()},
    }
