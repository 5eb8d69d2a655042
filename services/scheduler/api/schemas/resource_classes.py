"""Schemas of resource classes."""

from common.http.validation import Schema
from services.scheduler.api.schemas.common import CUSTOM_PATTERN, body

NAMED = Schema(body({"name": {"type": "string", "pattern": CUSTOM_PATTERN, "maxLength": 255}}, ["name"]))
