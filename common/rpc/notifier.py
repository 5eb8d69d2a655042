"""Telling whoever listens on RabbitMQ what happened, in the form of oslo.messaging's notifications.

Off unless [oslo_messaging_notifications] names a driver (messagingv2). A thread of its own sends them, so that no request
waits for a RabbitMQ that is slow or away; what piles up beyond some thousands meanwhile is dropped, and the log says so.
"""

import logging
import queue
from collections.abc import Mapping
from typing import Any

from oslo_config import cfg

from common.context import RequestContext
from common.rpc import transport
from common.worker import Worker

LOG = logging.getLogger(__name__)
GROUP = "oslo_messaging_notifications"
_HELD, _TRIES = 5000, 3


def register(conf: cfg.ConfigOpts) -> None:
    """Register oslo.messaging's options of notifications on a private configuration."""
    transport.prepare()
    from oslo_messaging.notify import notifier

    conf.register_opts(notifier._notifier_opts, group=GROUP)


class Notifier:
    """What the daemon `publisher` (upstream's name for it, such as image.HOST) has to tell on the exchange where listeners
    look for its service (upstream's name for that, such as glance).
    """

    def __init__(self, conf: cfg.ConfigOpts, publisher: str, exchange: str) -> None:
        register(conf)
        self.enabled = any(name != "noop" for name in conf[GROUP].driver)
        self._conf, self._publisher, self._exchange = conf, publisher, exchange
        self._sender: Any = None
        self._queue: queue.Queue[tuple[RequestContext, str, Mapping[str, Any]] | None] = queue.Queue(_HELD)

    def attach(self, worker: Worker) -> None:
        """Send from a thread of `worker`; what is told before its stop is sent before its end."""
        if self.enabled:
            self._sender = self._made()
            worker.loop("notifications", self._send)
            worker.on_stop(lambda: self._queue.put(None))

    def tell(self, context: RequestContext, event: str, payload: Mapping[str, Any]) -> None:
        """Let it be known that `event` (such as image.create) happened; returns at once."""
        if not self.enabled:
            return
        try:
            self._queue.put_nowait((context, event, payload))
        except queue.Full:
            LOG.warning("the notification %s is dropped: %d wait for RabbitMQ already", event, _HELD)

    def _made(self) -> Any:
        import oslo_messaging

        class Contexts(oslo_messaging.NoOpSerializer):  # type: ignore[misc]
            """Contexts come without their secrets: oslo.messaging sees to that."""

            def serialize_context(self, ctxt: RequestContext) -> dict[str, Any]:
                return dict(ctxt.to_dict())

        ours = self._conf.control_exchange
        self._conf.set_override("control_exchange", self._exchange)
        try:
            made = oslo_messaging.get_notification_transport(self._conf)
        finally:
            self._conf.set_override("control_exchange", ours)
        return oslo_messaging.Notifier(made, self._publisher, retry=_TRIES, serializer=Contexts())

    def _send(self) -> None:
        while (item := self._queue.get()) is not None:
            context, event, payload = item
            self._sender.info(context, event, payload)
