"""Rules of tasks, discovery and the cache."""

from common.http.policy import rule
from services.image.api.policies.image import ADMIN, ADMIN_OR_READER, ADMIN_OR_SERVICE

RULES = [
    rule("tasks_api_access", ADMIN, "Use the tasks API."),
    rule("get_task", ADMIN_OR_READER, "Show a task of an image."),
    rule("cache_clean", ADMIN, "Remove unfinished and unknown copies from the cache."),
    rule("cache_prune", ADMIN, "Shrink the cache to its size."),
    rule("list_cached_nodes", ADMIN, "See which nodes hold a copy of an image."),
    rule("cache_image", ADMIN, "Queue an image for caching."),
    rule("cache_list", ADMIN, "List cached images."),
    rule("cache_delete", ADMIN, "Remove images from the cache."),
    rule("stores_info_detail", ADMIN_OR_SERVICE, "See the stores' properties."),
    rule("get_schema", "", "Read a schema.", scopes=None),
]
