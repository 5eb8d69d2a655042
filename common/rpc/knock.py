"""Asking RabbitMQ at the start whether it is there and lets the daemon in.

Most daemons would find out with their first message only, maybe hours later, and in a thread where nobody sees it.
"""

import socket
from typing import Any

from oslo_config import cfg

from common import errors

_PATIENCE_S = 3.0


def knock(conf: cfg.ConfigOpts, url: str | None = None) -> str | None:
    """What to say when no RabbitMQ of `url` (default: transport_url) answers; None when one does, or none is meant.

    To be called when the transport is made, which registers its options and reads the URL. errors.ConfigError when one
    refuses the account. Names hosts and users, never the password.
    """
    import oslo_messaging

    parsed = oslo_messaging.TransportURL.parse(conf, url)
    if parsed.transport != "rabbit":
        return None
    if not parsed.hosts:
        raise errors.ConfigError(f"{conf.prog}: transport_url is not set; it looks like rabbit://USER:PASSWORD@HOST:5672/")
    found = []
    for host in parsed.hosts:
        where = f"{host.hostname or 'localhost'}:{host.port or 5672}"
        try:
            _enter(conf, parsed, host, where)
            return None
        except OSError as e:
            found.append(f"{where} ({e.strerror or e})")
    return (f"RabbitMQ does not answer at {', '.join(found)}; start it, or correct {_option(conf, url)}; "
            "trying again until it answers")


def _enter(conf: cfg.ConfigOpts, url: Any, host: Any, where: str) -> None:
    """Log in and out; OSError when nobody answers."""
    import amqp

    if conf.oslo_messaging_rabbit.ssl:  # its certificates are oslo.messaging's business
        with socket.create_connection((host.hostname or "localhost", host.port or 5672), _PATIENCE_S):
            return
    visit = amqp.Connection(where, userid=host.username or "", password=host.password or "", virtual_host=url.virtual_host or "/",
                            connect_timeout=_PATIENCE_S, read_timeout=_PATIENCE_S, write_timeout=_PATIENCE_S)
    try:
        visit.connect()
        visit.close()
    except amqp.exceptions.AccessRefused as e:
        raise errors.ConfigError(f"{conf.prog}: RabbitMQ at {where} refuses the user {host.username!r}: it does not know him, or "
                                 f"the password is wrong; correct {_option(conf, None)}") from e
    except amqp.exceptions.NotAllowed as e:
        raise errors.ConfigError(f"{conf.prog}: RabbitMQ at {where} refuses the user {host.username!r}: "
                                 f"{e.reply_text.partition(' - ')[2] or e}; correct {_option(conf, None)}") from e
    except amqp.exceptions.AMQPError as e:
        raise OSError(str(e)) from e


def _option(conf: cfg.ConfigOpts, url: str | None) -> str:
    """Where the URL comes from, for whoever must correct it."""
    place = conf.get_location("transport_url")
    return f"transport_url in {place.detail}" if url is None and place is not None and place.detail else "transport_url"
