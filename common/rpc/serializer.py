"""The request context in messages; entities travel as plain JSON values."""

from typing import Any

import oslo_messaging

from common.context import RequestContext


class ContextSerializer(oslo_messaging.NoOpSerializer):  # type: ignore[misc]
    """Turns a RequestContext into a dict and back."""

    def serialize_context(self, context: Any) -> dict[str, Any]:
        return context.to_message() if isinstance(context, RequestContext) else dict(context or {})

    def deserialize_context(self, context: dict[str, Any]) -> RequestContext:
        return RequestContext.from_message(context)
