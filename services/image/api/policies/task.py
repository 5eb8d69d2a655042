"""Rules of tasks, discovery and the cache."""

from common.http.policy import rule
from services.image.api.policies.image import ADMIN, ADMIN_OR_READER

RULES = [
    rule("tasks_api_access", ADMIN, "Use the tasks API."),
    rule("get_task", ADMIN_OR_READER, "Show a task of an image."),
    rule("cache_clean", ADMIN, "Remove unfinished and unknown copies from the cache."),
    rule("cache_prune", ADMIN, "Shrink the cache to its size."),
    rule("list_cached_nodes", ADMIN, "See which nodes hold a copy of an image."),
    rule("cache_image", ADMIN, "Queue an image for caching."),
    rule("cache_list", ADMIN, "List cached images."),
    rule("cache_delete", ADMIN, "Remove images from the cache."),
    rule("stores_info_detail", ADMIN, "See the stores' properties."),
    rule("stores_info", "role:reader or rule:context_is_admin", "See which stores there are."),
    rule("get_import_info", "role:reader or rule:context_is_admin", "See which import methods there are."),
    rule("get_usage", "role:reader or rule:context_is_admin", "See the project's quotas and usage."),
    rule("get_schema", "", "Read a schema.", scopes=None),
]
