"""Queries about agents and what is scheduled to them."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import orm

from common import clock
from services.network.db import models, rows

Agent = models.Agent


def of_role(session: orm.Session, host: str, role: str) -> Any | None:
    """The agent that plays `role` (l2, dhcp, l3, metadata) on `host`, or None."""
    found = rows.find(session, Agent, Agent.host == host, Agent.role == role)
    return found[0] if found else None


def is_alive(agent: Any, down_after_s: int) -> bool:
    """Whether it was heard of within `down_after_s` seconds."""
    return bool(agent.heartbeat_at >= clock.after(-down_after_s))


def serving(session: orm.Session, role: str, down_after_s: int) -> Sequence[Any]:
    """Agents of a role that are alive and enabled."""
    return rows.find(session, Agent, Agent.role == role, Agent.admin_state_up.is_(True),
                     Agent.heartbeat_at >= clock.after(-down_after_s))


def tunnel_ips(session: orm.Session) -> dict[str, str]:
    """host -> tunnel address."""
    return {a.host: a.tunnel_ip for a in rows.find(session, Agent, Agent.role == "l2") if a.tunnel_ip}
