"""Bodies of domain configurations."""

from common.http.validation import Schema

CONFIG = Schema({"type": "object", "properties": {"config": {"type": "object"}}, "required": ["config"]})
