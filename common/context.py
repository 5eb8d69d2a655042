"""Who asks, on behalf of which project, under which request id.

A thin layer on oslo.context: it is what policies are checked with, what log
lines are stamped with, and what travels inside messages and sagas.
"""

from typing import Any

from oslo_context import context as oslo_context

from common import ids


class RequestContext(oslo_context.RequestContext):
    """The caller of a request.

    Made from the headers that keystonemiddleware vouches for (`from_environ`), from a message
    (`from_dict`), or for the service's own work (`internal`).
    """

    @property
    def has_admin_role(self) -> bool:
        """Whether the caller holds the `admin` role (in whatever scope)."""
        return "admin" in (self.roles or [])

    def again(self) -> "RequestContext":
        """The same caller in another request; ids of requests are to be set."""
        made = RequestContext.__new__(RequestContext)
        made.__dict__.update(self.__dict__)
        made.roles, made.service_roles = list(self.roles or ()), list(self.service_roles or ())
        return made

    def to_message(self) -> dict[str, Any]:
        """The parts that cross a message or are stored with a saga, as JSON values (token included)."""
        return {
            "auth_token": self.auth_token, "user_id": self.user_id, "project_id": self.project_id,
            "domain_id": self.domain_id, "user_domain_id": self.user_domain_id,
            "project_domain_id": self.project_domain_id, "roles": list(self.roles or []),
            "user_name": self.user_name, "project_name": self.project_name, "system_scope": self.system_scope,
            "request_id": self.request_id, "global_request_id": self.global_request_id,
            "is_admin": bool(self.is_admin),
        }

    @classmethod
    def from_message(cls, data: dict[str, Any]) -> "RequestContext":
        """The reverse of `to_message`; unknown keys are ignored."""
        known = {k: v for k, v in data.items() if k in _MESSAGE_KEYS}
        return cls(**known)


_MESSAGE_KEYS = frozenset(
    "auth_token user_id project_id domain_id user_domain_id project_domain_id roles user_name project_name "
    "system_scope request_id global_request_id is_admin".split()
)


def internal(request_id: str | None = None) -> RequestContext:
    """A context for work that nobody asked for (periodic passes); it carries no rights over the wire."""
    return RequestContext(is_admin=True, roles=["admin"], request_id=request_id or ids.request_id())


def current_request_ids() -> tuple[str | None, str | None]:
    """(request id, global request id) of this thread's context, for outgoing requests and logs."""
    ctx = oslo_context.get_current()
    if ctx is None:
        return None, None
    return ctx.request_id, ctx.global_request_id
