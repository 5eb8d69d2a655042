"""Every option of the image service, and what the service consists of."""

from collections.abc import Sequence

from oslo_config import cfg

from common.service import DaemonInfo, Endpoint, Service

OPTS: list[cfg.Opt] = []


def options() -> Sequence[tuple[str | None, Sequence[cfg.Opt]]]:
    """(group, options) of this service, beside those of common.config."""
    return [("image", OPTS)]


SERVICE = Service(
    name="image",
    options=options,
    db_package="services.image.db",
    daemons=(
        DaemonInfo("image-api", "services.image.cmd.image_api:build", port=9292, binary="glance-api"),
        DaemonInfo("image-conductor", "services.image.cmd.image_conductor:build", binary="glance-conductor"),
    ),
    endpoints=(
        Endpoint("image", "glance", "image-api", ""),
    ),
)
