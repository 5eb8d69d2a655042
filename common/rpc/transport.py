"""The connection to RabbitMQ (or, in one process, to a transport in memory)."""

import threading
import warnings
from typing import Any

from oslo_config import cfg

from common import errors, memory

RPC_OPTS = [
    cfg.BoolOpt("limited_account", default=False,
                help="This daemon's RabbitMQ user may use its own queues only, as an agent's should: see common/rpc/rabbit.py."),
]
LOOK_UP_S = 0.5
"""After a message a receiver looks up from waiting for the next one after so long, then ever more rarely: oslo.messaging's own
millisecond, which serves notifications that are acknowledged late, costs ten times what receiving a message does."""
_READY: list[bool] = []
_LOCK = threading.Lock()


def prepare() -> None:
    """Choose oslo.service's threading back end; must run before anything imports a back end."""
    with _LOCK:
        if _READY:
            return
        # oslo's libraries import eventlet, where it is installed, merely to see whether it patched the process (it never
        # does here), which costs 11 MB and a sixth of a second: to them it is not installed
        memory.leave_out("eventlet")
        warnings.filterwarnings("ignore", message=r"(?s).*Eventlet is deprecated.*")
        from oslo_service import backend

        backend.init_backend(backend.BackendType.THREADING)
        _READY.append(True)


def register(conf: cfg.ConfigOpts) -> None:
    """Register oslo.messaging's options on a private configuration.

    Its tracing and metrics options, and those of its dispatcher, exist on the global `cfg.CONF` only,
    so this copies them.
    """
    prepare()
    import oslo_messaging
    from oslo_messaging._metrics import client as metrics
    from oslo_messaging._tracing import client as tracing
    from oslo_messaging.transport import _transport_opts

    conf.register_opts(RPC_OPTS, group="rpc")
    conf.register_opts(_transport_opts)
    conf.register_opts(metrics.oslo_messaging_metrics, group="oslo_messaging_metrics")
    conf.register_opts(tracing.oslo_messaging_tracing, group="oslo_messaging_tracing")
    oslo_messaging.set_transport_defaults("altostack")


def connect(conf: cfg.ConfigOpts, url: str | None = None) -> Any:
    """The RPC transport that `transport_url` (or `url`) names; errors.ConfigError when it cannot be read."""
    import oslo_messaging

    if "kombu+inprocess" in (url or conf.transport_url or ""):
        from common.rpc import inprocess

        inprocess.register()
    from oslo_messaging._drivers import amqpdriver
    from oslo_messaging._drivers import common as rpc_common

    amqpdriver.ACK_REQUEUE_EVERY_SECONDS_MIN = LOOK_UP_S
    # a context that came with a message is nobody else's: it need not be copied deeply, a seventh of what receiving costs
    rpc_common.CommonRpcContext.to_dict = lambda received: dict(received.values)
    try:
        made = oslo_messaging.get_rpc_transport(conf, url=url)
    except oslo_messaging.InvalidTransportURL as e:
        raise errors.ConfigError("transport_url cannot be read; it looks like rabbit://USER:PASSWORD@HOST:5672/") from e
    if (url or conf.transport_url).startswith("rabbit:"):
        from common.rpc import rabbit

        made.link = rabbit.adopt(made, conf.rpc.limited_account)
    return made


def leave(transport: Any) -> bool:
    """The daemon stops: nothing waits any more for a RabbitMQ that is away. Whether it is there, to take leave of."""
    link = getattr(transport, "link", None)
    if link is None:
        return True
    link.leaving.set()
    return not link.away
