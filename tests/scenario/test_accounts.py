"""What a stolen hypervisor can do with its agents' RabbitMQ accounts: use its own queues, and speak to conductors. No more."""

import configparser
import urllib.parse
from collections.abc import Iterator

import amqp
import pytest

from tests.scenario.cloud import ETC, Cloud

AGENTS = [("compute-agent", "compute-conductor"), ("network-agent", "network-conductor"), ("volume-agent", "volume-conductor")]
EXCHANGE = "altostack"


@pytest.fixture(params=AGENTS, ids=lambda agent: agent[0])
def agent(request: pytest.FixtureRequest, cloud: Cloud) -> tuple[str, str]:
    """(daemon, its conductor's topic)."""
    if not (ETC / f"{request.param[0]}.conf").exists():
        pytest.skip(f"there is no {request.param[0]} here")
    return request.param


class Account:
    """A RabbitMQ account as a configuration file tells it."""

    def __init__(self, daemon: str) -> None:
        conf = configparser.RawConfigParser(strict=False)
        conf.read([ETC / "altostack.conf", ETC / f"{daemon}.conf"])
        self.url = urllib.parse.urlsplit(conf["DEFAULT"]["transport_url"].replace("$$", "$"))
        self.host = conf["DEFAULT"]["host"]

    def channel(self, vhost: str | None = None) -> amqp.Channel:
        """A new channel; RabbitMQ closes one at the first refusal."""
        connection = amqp.Connection(f"{self.url.hostname}:{self.url.port}", userid=self.url.username,
                                     password=urllib.parse.unquote(self.url.password or ""),
                                     virtual_host=vhost or self.url.path.strip("/"), confirm_publish=True)
        connection.connect()
        return connection.channel()


@pytest.fixture
def account(agent: tuple[str, str]) -> Iterator[Account]:
    """The agent's account."""
    yield Account(agent[0])


def refused(account: Account, method: str, *args: object, **kwargs: object) -> None:
    """Require that RabbitMQ refuses it."""
    channel = account.channel()
    with pytest.raises(amqp.AccessRefused):
        getattr(channel, method)(*args, **kwargs)
    channel.connection.close()


def test_it_may_speak_to_its_conductor(account: Account, agent: tuple[str, str]) -> None:
    channel = account.channel()
    reply = "reply_" + "0" * 32
    channel.queue_declare(reply, durable=False, auto_delete=True)
    channel.queue_bind(reply, "altostack_replies", reply)
    channel.basic_publish(amqp.Message("{}"), EXCHANGE, agent[1])
    channel.queue_delete(reply)
    channel.connection.close()


def test_it_commands_no_other_agent(account: Account, agent: tuple[str, str]) -> None:
    refused(account, "basic_publish", amqp.Message("{}"), EXCHANGE, f"{agent[0]}.other")
    refused(account, "basic_publish", amqp.Message("{}"), EXCHANGE, agent[0])
    refused(account, "basic_publish", amqp.Message("{}"), "", f"{agent[0]}.other")
    refused(account, "basic_publish", amqp.Message("{}"), "", agent[1])
    refused(account, "basic_publish", amqp.Message("{}"), f"{agent[0]}_fanout", "")


def test_it_reads_nothing_that_is_for_others(account: Account, agent: tuple[str, str]) -> None:
    own = f"{agent[0]}.{account.host}"
    refused(account, "basic_get", agent[1])
    refused(account, "queue_declare", f"{agent[0]}.other")
    refused(account, "queue_bind", own, EXCHANGE, f"{agent[0]}.other")
    refused(account, "queue_bind", own, EXCHANGE, agent[1])
    refused(account, "queue_bind", own, EXCHANGE, "#")
    refused(account, "queue_delete", agent[1])


def test_it_breaks_no_exchange(account: Account) -> None:
    refused(account, "exchange_delete", EXCHANGE)
    refused(account, "exchange_delete", "altostack_replies")
    refused(account, "exchange_declare", "mine", "topic")


def test_it_enters_no_other_service(account: Account) -> None:
    own = account.url.path.strip("/")
    for vhost in {"compute", "network", "volume", "scheduler", "identity", "image", "/"} - {own}:
        with pytest.raises((amqp.NotAllowed, amqp.AccessRefused)):
            account.channel(vhost)
