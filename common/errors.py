"""Errors that mean something to a caller, whatever the API's wire form.

A handler or the domain raises an `ApiError`; `common.http.faults` prints it in
the form of the API at hand. `kind` is the machine-readable name some APIs
print (network: `NetworkNotFound`; placement: `placement.concurrent_update`).
"""

import re


class ApiError(Exception):
    """An answer other than success: `status` (HTTP), `message` (for people), `kind` (for programs).

    `headers` are added to the response; `detail` is a longer text where the API has a place for it.
    """

    status = 500
    kind = ""

    def __init__(
        self,
        message: str = "",
        *,
        kind: str | None = None,
        status: int | None = None,
        headers: dict[str, str] | None = None,
        detail: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.kind = type(self).kind if kind is None else kind
        self.status = type(self).status if status is None else status
        self.headers = headers or {}
        self.detail = detail


class BadRequest(ApiError):
    """400: the request is malformed or its values are wrong."""

    status = 400


class Unauthorized(ApiError):
    """401: no valid credentials."""

    status = 401


class Forbidden(ApiError):
    """403: policy or quota says no."""

    status = 403


class NotFound(ApiError):
    """404: no such thing, or not for this caller to know."""

    status = 404


class MethodNotAllowed(ApiError):
    """405."""

    status = 405


class NotAcceptable(ApiError):
    """406: no such representation or microversion."""

    status = 406


class Conflict(ApiError):
    """409: the thing's state or a duplicate stands in the way."""

    status = 409


class Gone(ApiError):
    """410: removed from the API for ever."""

    status = 410


class PreconditionFailed(ApiError):
    """412."""

    status = 412


class TooLarge(ApiError):
    """413: the body, or a quota where the API says 413."""

    status = 413


class UnsupportedMediaType(ApiError):
    """415."""

    status = 415


class Unprocessable(ApiError):
    """422."""

    status = 422


class InternalError(ApiError):
    """500 with a message of our own."""

    status = 500


class NotOffered(ApiError):
    """501: a part of the API that this cloud does not have."""

    status = 501


class BadGateway(ApiError):
    """502: another service answered nonsense."""

    status = 502


class Unavailable(ApiError):
    """503: something this service needs does not answer; trying again later may help."""

    status = 503


class Stale(Exception):
    """A compare-and-swap found another state than expected; nothing was changed."""


class Transient(Exception):
    """Something outside does not answer just now; the same step may succeed later."""


class Refused(Exception):
    """Another service answered no, or with an error of its own (common.clients.base.RemoteError says which)."""


class ConfigError(Exception):
    """The configuration is wrong; the message names the file, the option and the mend."""


def of_system(text: str) -> str | None:
    """The operating system's words in an error's text, such as "Connection refused"; None when it holds none."""
    found = re.search(r"\[Errno -?\d+\] ([^)\]'\"]+)", text)
    return found[1] if found else None
