"""Every option of the identity service, and what the service consists of."""

from collections.abc import Sequence

from oslo_config import cfg

from common.service import DaemonInfo, Endpoint, Service

OPTS: list[cfg.Opt] = []


def options() -> Sequence[tuple[str | None, Sequence[cfg.Opt]]]:
    """(group, options) of this service, beside those of common.config."""
    return [("identity", OPTS)]


SERVICE = Service(
    name="identity",
    options=options,
    db_package="services.identity.db",
    daemons=(
        DaemonInfo("identity-api", "services.identity.cmd.identity_api:build", port=5000, binary="keystone"),
    ),
    endpoints=(
        Endpoint("identity", "keystone", "identity-api", "/v3"),
    ),
    bootstrap="services.identity.cmd.bootstrap:run",
)
