"""Leave to look at a guest's console: a short-lived token that the console proxy exchanges for an address."""

import datetime
import hashlib
from typing import Any
from urllib.parse import quote, urlencode

from common import clock, errors, ids
from services.compute.db import server_parts
from services.compute.domain import states
from services.compute.domain.deps import Deps

TYPES = {
    "novnc": "vnc",
    "xvpvnc": "vnc",
    "serial": "serial",
    "spice-html5": "spice",
    "spice-direct": "spice",
    "rdp-html5": "rdp",
    "webmks": "mks",
}
"""Protocol by console type; only vnc and serial exist here."""


def open_console(deps: Deps, context: Any, server: Any, kind: str) -> dict[str, str]:
    """{"protocol", "type", "url"} for a console of type `kind` (novnc, serial).

    errors.BadRequest when this cloud has no such consoles, Conflict when the server cannot show one now.
    """
    protocol = TYPES.get(kind)
    if protocol not in ("vnc", "serial") or kind == "xvpvnc":
        raise errors.BadRequest(f"Unavailable console type {kind}.")
    if server.host is None or server.vm_state in (states.BUILDING, states.SHELVED_OFFLOADED):
        raise errors.Conflict(f"Instance {server.id} is not ready")
    try:
        where = deps.agents.to(server.host).console_endpoint(context, server_id=server.id, kind=protocol)
    except errors.NotFound as e:
        raise errors.Conflict(f"Instance {server.id} is not ready") from e
    token = ids.secret(32)
    expires = clock.now() + datetime.timedelta(seconds=deps.conf.console.token_s)
    deps.db.transaction(
        server_parts.add_console_token,
        {
            "token_hash": hash_of(token),
            "server_id": server.id,
            "console_type": kind,
            "host": where["host"],
            "port": int(where["port"]),
            "path": where.get("path"),
            "expires_at": expires,
        },
    )
    return {"protocol": protocol, "type": kind, "url": _url(deps, protocol, token)}


def _url(deps: Deps, protocol: str, token: str) -> str:
    if protocol == "vnc":
        base = deps.conf.console.vnc_url
        return f"{base}{'&' if '?' in base else '?'}{urlencode({'path': f'?token={token}'})}"
    base = deps.conf.console.serial_url
    return f"{base}{'&' if '?' in base else '?'}token={quote(token)}"


def hash_of(token: str) -> str:
    """What the database keeps of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def resolve(deps: Deps, token: str) -> Any:
    """The row of a token that is good; errors.NotFound."""
    with deps.db.read() as session:
        row = server_parts.console_token(session, hash_of(token))
    if row is None:
        raise errors.NotFound("Token not found")
    return row


def output(deps: Deps, context: Any, server: Any, lines: int | None) -> str:
    """The last lines of the serial console; errors.NotFound, Conflict when there is none yet."""
    if server.host is None or server.vm_state in (states.BUILDING, states.SHELVED_OFFLOADED):
        raise errors.Conflict(f"Instance {server.id} is not ready")
    return str(deps.agents.to(server.host).console_output(context, server_id=server.id, lines=lines))
