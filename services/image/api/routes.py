"""Every URL of the image API."""

from common.http.route import AUTHENTICATED, PUBLIC, Route, Row
from services.image.api import (
    actions,
    caching,
    data,
    images,
    imports,
    info,
    locations,
    members,
    metadefs,
    schemas_api,
    tags,
    tasks,
)
from services.image.api import metadef_items as items
from services.image.api.schemas import image as image_schemas
from services.image.api.schemas import metadef as metadef_schemas

_I = "/v2/images/<image_id>"
_N = "/v2/metadefs/namespaces/<namespace>"
_ANY = image_schemas.ANYTHING

IMAGES: list[Row] = [
    Route("GET", "/v2/images", images.index, "get_images", targeted=True),
    Route("POST", "/v2/images", images.create, "add_image", body=_ANY, targeted=True),
    Route("GET", _I, images.show, "get_image", targeted=True),
    Route("PATCH", _I, images.update, "modify_image", body=_ANY, targeted=True),
    Route("DELETE", _I, images.delete, "delete_image", targeted=True),
    Route("GET", f"{_I}/file", data.download, "download_image", targeted=True),
    Route("PUT", f"{_I}/file", data.upload, "upload_image", targeted=True, stream=True),
    Route("PUT", f"{_I}/stage", data.stage, "modify_image", targeted=True, stream=True),
    Route("POST", f"{_I}/import", imports.create, "modify_image", body=_ANY, targeted=True),
    Route("GET", f"{_I}/tasks", tasks.of_image, "get_task", targeted=True),
    Route("POST", f"{_I}/actions/deactivate", actions.deactivate, "deactivate", targeted=True),
    Route("POST", f"{_I}/actions/reactivate", actions.reactivate, "reactivate", targeted=True),
    Route("GET", f"{_I}/locations", locations.index, "fetch_image_location", targeted=True),
    Route("POST", f"{_I}/locations", locations.add, "add_image_location", body=image_schemas.LOCATION_ADD, targeted=True),
    Route("GET", f"{_I}/members", members.index, "get_members", targeted=True),
    Route("POST", f"{_I}/members", members.create, "add_member", body=_ANY, targeted=True),
    Route("GET", f"{_I}/members/<member_id>", members.show, "get_member", targeted=True),
    Route("PUT", f"{_I}/members/<member_id>", members.update, "modify_member", body=_ANY, targeted=True),
    Route("DELETE", f"{_I}/members/<member_id>", members.delete, "delete_member", targeted=True),
    Route("PUT", f"{_I}/tags/<tag>", tags.add, "modify_image", targeted=True),
    Route("DELETE", f"{_I}/tags/<tag>", tags.remove, "modify_image", targeted=True),
    Route("DELETE", "/v2/stores/<store_id>/<image_id>", locations.delete_from_store, "get_image", targeted=True),
]
INFO: list[Row] = [
    Route("GET", "/", info.versions, PUBLIC),
    Route("GET", "/versions", info.versions_listed, PUBLIC),
    Route("GET", "/v2", info.moved, AUTHENTICATED),
    Route("GET", "/v2/info/import", info.import_methods, AUTHENTICATED),
    Route("GET", "/v2/info/stores", info.stores, AUTHENTICATED),
    Route("GET", "/v2/info/stores/detail", info.stores_detail, "stores_info_detail"),
    Route("GET", "/v2/info/usage", info.usage, AUTHENTICATED),
    Route("GET", "/v2/schemas/<name>", schemas_api.show, "get_schema"),
    Route("GET", "/v2/schemas/metadefs/<name>", schemas_api.show_metadef, "get_schema"),
    Route("GET", "/v2/tasks", tasks.index, "tasks_api_access"),
    Route("POST", "/v2/tasks", tasks.create, "tasks_api_access", body=_ANY),
    Route("GET", "/v2/tasks/<task_id>", tasks.show, "tasks_api_access"),
    Route("DELETE", "/v2/tasks/<task_id>", tasks.delete, "tasks_api_access"),
    Route("GET", "/v2/cache", caching.index, "cache_list"),
    Route("DELETE", "/v2/cache", caching.clear, "cache_delete"),
    Route("POST", "/v2/cache/clean", caching.clean, "cache_clean"),
    Route("POST", "/v2/cache/prune", caching.prune, "cache_prune"),
    Route("GET", "/v2/cache/nodes/<image_id>", caching.node, "list_cached_nodes"),
    Route("PUT", "/v2/cache/<image_id>", caching.queue, "cache_image", targeted=True),
    Route("DELETE", "/v2/cache/<image_id>", caching.remove, "cache_delete", targeted=True),
]


def _kind(plural: str, singular: str, body: object, *, add: str, remove: str, get: str, gets: str) -> list[Row]:
    """The routes that objects, properties and tags have alike."""
    path = f"{_N}/{plural}"
    return [
        Route("GET", path, items.index, gets, targeted=True),
        Route("DELETE", path, items.clear, "delete_metadef_namespace", targeted=True),
        Route("GET", f"{path}/<name>", items.show, get, targeted=True),
        Route("PUT", f"{path}/<name>", items.update, f"modify_metadef_{singular}", body=body, targeted=True),  # type: ignore[arg-type]
        Route("DELETE", f"{path}/<name>", items.delete, remove, targeted=True),
        *([Route("POST", path, items.create, add, body=body, targeted=True)] if singular != "tag" else []),  # type: ignore[arg-type]
    ]


METADEFS: list[Row] = [
    Route("GET", "/v2/metadefs/namespaces", metadefs.index, "get_metadef_namespaces", targeted=True),
    Route("POST", "/v2/metadefs/namespaces", metadefs.create, "add_metadef_namespace", body=metadef_schemas.NAMESPACE_BODY,
          targeted=True),
    Route("GET", _N, metadefs.show, "get_metadef_namespace", targeted=True),
    Route("PUT", _N, metadefs.update, "modify_metadef_namespace", body=metadef_schemas.NAMESPACE_BODY, targeted=True),
    Route("DELETE", _N, metadefs.delete, "delete_metadef_namespace", targeted=True),
    Route("GET", "/v2/metadefs/resource_types", metadefs.resource_types, "list_metadef_resource_types", targeted=True),
    Route("GET", f"{_N}/resource_types", metadefs.associations, "get_metadef_resource_type", targeted=True),
    Route("POST", f"{_N}/resource_types", metadefs.associate, "add_metadef_resource_type_association",
          body=metadef_schemas.ASSOCIATION_BODY, targeted=True),
    Route("DELETE", f"{_N}/resource_types/<resource_type>", metadefs.dissociate, "remove_metadef_resource_type_association",
          targeted=True),
    *_kind("objects", "object", metadef_schemas.OBJECT_BODY, add="add_metadef_object", remove="delete_metadef_object",
           get="get_metadef_object", gets="get_metadef_objects"),
    *_kind("properties", "property", metadef_schemas.PROPERTY_BODY, add="add_metadef_property", remove="remove_metadef_property",
           get="get_metadef_property", gets="get_metadef_properties"),
    *_kind("tags", "tag", metadef_schemas.TAG_BODY, add="add_metadef_tag", remove="delete_metadef_tag",
           get="get_metadef_tag", gets="get_metadef_tags"),
    Route("POST", f"{_N}/tags", items.create_tags, "add_metadef_tags", body=metadef_schemas.TAGS_BODY, targeted=True),
    Route("POST", f"{_N}/tags/<name>", items.create_tag, "add_metadef_tag", targeted=True),
]
ROUTES: list[Row] = [*INFO, *IMAGES, *METADEFS]
