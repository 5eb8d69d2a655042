"""RabbitMQ connections that suit accounts with few rights, so that an agent need not share its service's account.

oslo.messaging sends replies through the broker's nameless exchange, which delivers into any queue by its name: who may
answer a call may command every other agent. Here replies have an exchange of their own, to which only reply queues
(random names) are bound. A `limited` account declares no exchange, and takes what is addressed to its own host, no more.
What such an account may do in its virtual host:

    configure  its queue TOPIC.HOST, and reply queues
    write      these, the exchange EXCHANGE (by topic permission: with the conductor's topic only), and REPLIES
    read       the same (by topic permission: bound to its own TOPIC.HOST only)
"""

import functools
from typing import Any

import kombu
import oslo_messaging
from oslo_messaging._drivers import impl_rabbit

EXCHANGE = "altostack"
REPLIES = "altostack_replies"


class Connection(impl_rabbit.Connection):  # type: ignore[misc]
    """oslo.messaging's connection with replies through REPLIES; `limited` as the module says."""

    def __init__(self, *args: Any, limited: bool = False, **kwargs: Any) -> None:
        self.limited = limited
        try:
            super().__init__(*args, **kwargs)
        except kombu.exceptions.OperationalError as e:
            # what a sender gives up with when it has no connection yet; with one, oslo.messaging itself says it like this
            raise oslo_messaging.MessageDeliveryFailure(f"RabbitMQ cannot be reached: {e}") from e

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
        consumer.exchange.passive = self.limited
        super().declare_consumer(consumer)

    def _publish(self, exchange: Any, msg: Any, routing_key: str | None = None, timeout: float | None = None,
                 transport_options: Any = None) -> None:
        if not exchange.name:  # the nameless one: a reply
            exchange = _replies()
            exchange.passive = True  # whoever waits for the reply has declared it
        elif self.limited:
            exchange.passive = True
        super()._publish(exchange, msg, routing_key=routing_key, timeout=timeout, transport_options=transport_options)


def _replies() -> kombu.Exchange:
    return kombu.Exchange(REPLIES, "direct", durable=False, auto_delete=False)


def adopt(transport: Any, limited: bool) -> None:
    """Make an oslo.messaging transport, not yet used, open connections of the class above."""
    transport._driver._connection_pool.connection_cls = functools.partial(Connection, limited=limited)
