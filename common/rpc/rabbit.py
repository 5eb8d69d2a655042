"""RabbitMQ connections that suit accounts with few rights, so that an agent need not share its service's account.

oslo.messaging sends replies through the broker's nameless exchange, which delivers into any queue by its name: who may
answer a call may command every other agent. Here replies have an exchange of their own, to which only reply queues
(random names) are bound. A `limited` account declares no exchange, and takes what is addressed to its own host, no more.
What such an account may do in its virtual host:

    configure  its queue TOPIC.HOST, and reply queues
    write      these, the exchange EXCHANGE (by topic permission: with the conductor's topic only), and REPLIES
    read       the same (by topic permission: bound to its own TOPIC.HOST only)

They also leave at once when their daemon stops, whether or not RabbitMQ is there, and tell of its absence once (common.rpc.link).
"""

import functools
import os
import select
from collections.abc import Callable
from typing import Any

import amqp
import kombu
import orjson
import oslo_messaging
from amqp.exceptions import AccessRefused, AMQPError, NotAllowed
from oslo_messaging._drivers import common as rpc_common
from oslo_messaging._drivers import impl_rabbit

from common.rpc.link import Link

EXCHANGE = "altostack"
REPLIES = "altostack_replies"
REFUSALS = (AccessRefused, NotAllowed)
_AGAIN_S_MAX = 5
_CONFIRMED_S_MAX = 5.0
_REFUSED_AGAIN_S = 10.0
_PERSISTENT = 2  # what kombu says of every message; of meaning to durable queues only


class _Message(amqp.Message):  # type: ignore[misc]
    """A message whose properties, the same for nearly all, are not put into bytes again and again."""

    def _serialize_properties(self) -> Any:
        return _properties(*self.properties.items())


@functools.lru_cache(64)
def _properties(*items: tuple[str, Any]) -> Any:
    return amqp.Message(**dict(items))._serialize_properties()


class Connection(impl_rabbit.Connection):  # type: ignore[misc]
    """oslo.messaging's connection with replies through REPLIES; `limited` as the module says."""

    def __init__(self, conf: Any, url: Any, purpose: str, *args: Any, limited: bool = False, link: Link, **kwargs: Any) -> None:
        self.limited, self.link, self.listens, self._lost = limited, link, purpose == rpc_common.PURPOSE_LISTEN, False
        self._bell = os.pipe() if self.listens else None
        self._socket_timeout: float | None = None
        try:
            super().__init__(conf, url, purpose, *args, **kwargs)
        except (kombu.exceptions.OperationalError, *REFUSALS) as e:
            # what a sender gives up with when it has no connection yet; with one, oslo.messaging itself says it like this
            raise oslo_messaging.MessageDeliveryFailure(f"RabbitMQ cannot be reached: {e}") from e

    # being away, and leaving

    @property
    def where(self) -> str:
        """HOST:PORT of the RabbitMQ in use."""
        return f"{self.connection.hostname}:{self.connection.port}"

    def _failed(self, error: Exception) -> None:
        """RabbitMQ does not answer: go on trying, unless the daemon leaves."""
        self._lost = True
        if self.link.leaving.is_set():
            # what listens ends by looking whether it shall; who sends must know that nothing was sent
            raise rpc_common.Timeout() if self.listens else oslo_messaging.MessageDeliveryFailure("this daemon stops")
        self.link.lost(self.where, error)

    def ensure_connection(self) -> None:
        """Connect for the first time."""
        self.interval_max: float = min(self.interval_max, _AGAIN_S_MAX)
        plain: Callable[..., Any] = type(self.connection).ensure_connection.__get__(self.connection)
        self.connection.ensure_connection = lambda errback, **how: plain(errback=lambda e, _: self._failed(e), **how)
        if self.listens:
            self.connection.drain_events = self._drain
        super().ensure_connection()

    def ensure(self, method: Any, retry: Any = None, recoverable_error_callback: Any = None, error_callback: Any = None,
               timeout_is_error: bool = True) -> Any:
        """Do `method`, again while RabbitMQ is away (`retry` times, None: for ever).

        What succeeds at once, as nearly all does, needs none of what oslo.messaging and kombu prepare for trying again: half of
        what sending or receiving costs. What fails does so once more before them, as if they had tried.
        """
        tried: list[Exception] = []
        if self.channel is not None:
            try:
                return method()
            except rpc_common.Timeout:
                raise
            except (OSError, AMQPError, oslo_messaging.MessagingException) as e:
                tried.append(e)

        def attempt() -> Any:
            if tried:
                raise tried.pop()
            return method()

        def failed(error: Exception) -> None:
            if not isinstance(error, rpc_common.Timeout):
                self._failed(error)
            if recoverable_error_callback is not None:
                recoverable_error_callback(error)

        return super().ensure(attempt, retry, failed, error_callback, timeout_is_error)

    def _set_current_channel(self, new_channel: Any) -> None:
        found = self._lost and new_channel is not None and new_channel is not self.channel
        super()._set_current_channel(new_channel)
        if found:
            self._lost = False
            self.link.found(self.where)

    def consume(self, timeout: float | None = None) -> None:
        """Take what comes within `timeout` seconds."""
        try:
            super().consume(timeout)
        except oslo_messaging.MessageDeliveryFailure as e:  # a refusal, of which oslo.messaging would print tracebacks
            self.link.lost(self.where, e)
            self.link.leaving.wait(_REFUSED_AGAIN_S)
            raise rpc_common.Timeout() from e

    def _drain(self, timeout: float | None = None) -> None:
        """As kombu's drain_events, but for `stop_consuming`, which ends the waiting."""
        connected = self.connection.connection
        sock = connected.transport.sock if connected is not None and connected.transport is not None else None
        if sock is not None and self._bell is not None and not getattr(sock, "pending", int)():
            waiting = select.poll()
            waiting.register(sock, select.POLLIN)
            waiting.register(self._bell[0], select.POLLIN)
            found = dict(waiting.poll(None if timeout is None else timeout * 1000))
            if sock.fileno() not in found:
                raise TimeoutError
        self.connection.transport.drain_events(connected, timeout=timeout)

    def stop_consuming(self) -> None:
        """Let `consume` return now."""
        super().stop_consuming()
        if self._bell is not None:
            os.write(self._bell[1], b".")

    def close(self) -> None:
        """Close the connection for good."""
        super().close()
        for end in self._bell or ():
            os.close(end)
        self._bell = None

    def _on_connection_blocked(self, _reason: str) -> None:
        self.link.blocked(self.where, True)

    def _on_connection_unblocked(self) -> None:
        self.link.blocked(self.where, False)

    # accounts

    def declare_topic_consumer(self, exchange_name: str, topic: str, callback: Any = None, queue_name: str | None = None) -> None:
        """A queue of messages; a limited account leaves the one that all receivers of a topic share."""
        if not self.limited or "." in topic:
            super().declare_topic_consumer(exchange_name, topic, callback, queue_name)

    def declare_fanout_consumer(self, topic: str, callback: Any) -> None:
        """A queue of messages to all; not for a limited account."""
        if not self.limited:
            super().declare_fanout_consumer(topic, callback)

    def declare_consumer(self, consumer: Any) -> None:
        """Take messages; a queue of replies is bound to REPLIES by its own name."""
        if consumer.type == "direct":
            consumer.exchange_name, consumer.routing_key = REPLIES, consumer.queue_name
            consumer.exchange = _replies()
            consumer.declare = functools.partial(_declare_replies, consumer)
        consumer.exchange.passive = self.limited
        super().declare_consumer(consumer)

    def _publish(self, exchange: Any, msg: Any, routing_key: str | None = None, timeout: float | None = None,
                 transport_options: Any = None) -> None:
        if not exchange.name:  # the nameless one: a reply
            exchange = _replies()
            exchange.passive = True  # whoever waits for the reply has declared it
        elif self.limited:
            exchange.passive = True
        timeout = min(timeout or _CONFIRMED_S_MAX, _CONFIRMED_S_MAX)
        try:
            if self.kombu_compression or not (exchange.passive or exchange.name in self._declared_exchanges):
                super()._publish(exchange, msg, routing_key=routing_key, timeout=timeout, transport_options=transport_options)
            else:
                self._publish_plainly(exchange.name, msg, routing_key or "", timeout,
                                      bool(transport_options and transport_options.at_least_once))
        except TimeoutError as e:
            if self.link.full:  # it would not take the message the next time either, and a request may wait for this
                raise oslo_messaging.MessageDeliveryFailure("RabbitMQ takes no messages") from e
            raise

    def _publish_plainly(self, exchange: str, msg: Any, routing_key: str, timeout: float, mandatory: bool) -> None:
        """To an exchange that is there: what oslo.messaging and kombu would send, without their preparations."""
        if self._socket_timeout != timeout:
            self.set_transport_socket_timeout(timeout)
        made = _Message(orjson.dumps(msg), content_type="application/json", content_encoding="utf-8", delivery_mode=_PERSISTENT,
                        priority=0, expiration=str(int(timeout * 1000)))
        self.channel.basic_publish(made, exchange=exchange, routing_key=routing_key, mandatory=mandatory)

    def set_transport_socket_timeout(self, timeout: float | None = None) -> None:
        """How long the socket may be silent while something is awaited."""
        super().set_transport_socket_timeout(timeout)
        self._socket_timeout = timeout


def _declare_replies(consumer: Any, connection: Any) -> None:
    """Declare a queue of replies, which are not acknowledged: who would take them again is not there any more."""
    type(consumer).declare(consumer, connection)
    consumer.queue.no_ack = True


def _replies() -> kombu.Exchange:
    return kombu.Exchange(REPLIES, "direct", durable=False, auto_delete=False)


def adopt(transport: Any, limited: bool) -> Link:
    """Make an oslo.messaging transport, not yet used, open connections of the class above; what they share."""
    link = Link()
    transport._driver._connection_pool.connection_cls = functools.partial(Connection, limited=limited, link=link)
    return link
