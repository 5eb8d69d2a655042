"""What web-download may fetch, from the configuration."""

from typing import Any

from services.image.drivers.fetch import Guard


def guard(settings: Any) -> Guard:
    """The guard that the [import] group describes."""
    return Guard(schemes=tuple(settings.allowed_schemes), ports=tuple(int(p) for p in settings.allowed_ports),
                 hosts=tuple(settings.allowed_hosts), banned_hosts=tuple(settings.disallowed_hosts),
                 networks=tuple(settings.allowed_networks), redirects_max=settings.redirects_max,
                 timeout_s=settings.timeout_s)
