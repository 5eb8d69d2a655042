"""Queries about agents and what is scheduled to them."""

import datetime
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import orm

from common import clock
from services.network.db import models, rows

Agent = models.Agent


def of_role(session: orm.Session, host: str, role: str) -> Any | None:
    """(host, role, heartbeat_at, physical_networks, tunnel_ip) of the agent that plays `role` (l2, dhcp, l3, metadata) on
    `host`, or None."""
    columns = (Agent.host, Agent.role, Agent.heartbeat_at, Agent.physical_networks, Agent.tunnel_ip)
    return next((a for a in rows.pick(session, [host], Agent.host, *columns) if a.role == role), None)


def is_alive(agent: Any, down_after_s: int) -> bool:
    """Whether it was heard of within `down_after_s` seconds."""
    return bool(agent.heartbeat_at >= clock.after(-down_after_s))


def serving(session: orm.Session, role: str, down_after_s: int) -> Sequence[Any]:
    """Agents of a role that are alive and enabled."""
    return rows.find(session, Agent, Agent.role == role, Agent.admin_state_up.is_(True),
                     Agent.heartbeat_at >= clock.after(-down_after_s))


def alive(session: orm.Session, hosts: Iterable[str], since: datetime.datetime) -> set[str]:
    """Those of `hosts` whose layer 2 agent is enabled and was heard of since then."""
    found = rows.pick(session, hosts, Agent.host, Agent.host, Agent.role, Agent.admin_state_up, Agent.heartbeat_at)
    return {host for host, role, enabled, heard in found if role == "l2" and enabled and heard >= since}


def tunnel_ips(session: orm.Session, hosts: Iterable[str]) -> dict[str, str]:
    """host -> tunnel address, of these hosts."""
    return {host: ip for host, role, ip in rows.pick(session, hosts, Agent.host, Agent.host, Agent.role, Agent.tunnel_ip)
            if role == "l2" and ip}
