"""What web-download and glance-download may fetch, from the configuration."""

import dataclasses
from typing import Any

from services.image.drivers.fetch import Guard


def guard(settings: Any) -> Guard:
    """The guard that the [import] group describes."""
    return Guard(schemes=tuple(settings.allowed_schemes), ports=tuple(int(p) for p in settings.allowed_ports),
                 hosts=tuple(settings.allowed_hosts), banned_hosts=tuple(settings.disallowed_hosts),
                 networks=tuple(settings.allowed_networks), redirects_max=settings.redirects_max,
                 timeout_s=settings.timeout_s)


def guard_of_catalog(settings: Any) -> Guard:
    """The guard of URLs that are the operator's own words: which schemes and hosts they may have, and nothing else."""
    return dataclasses.replace(guard(settings), ports=(), networks=("0.0.0.0/0", "::/0"))
