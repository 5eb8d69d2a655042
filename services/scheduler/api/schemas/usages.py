"""Schemas of the query string of usages."""

from services.scheduler.api.schemas.common import EXTERNAL_ID, query

_1_9 = {"project_id": EXTERNAL_ID, "user_id": EXTERNAL_ID}
LIST = {"1.9": query(_1_9, ["project_id"]),
        "1.38": query({**_1_9, "consumer_type": {"type": "string", "pattern": "^[A-Z0-9_]+$|^all|^unknown$",
                                                 "minLength": 1, "maxLength": 255}}, ["project_id"])}
