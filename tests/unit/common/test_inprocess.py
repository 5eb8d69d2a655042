"""Messages in one process arrive at once, and idle receivers burn nothing."""

import time

import pytest
from oslo_config import cfg

from common.context import RequestContext
from common.rpc import interface as rpc
from common.rpc import transport as rpc_transport


class Echo(rpc.Interface):
    topic = "echo-inprocess"

    @rpc.call(timeout_s=10)
    def echo(self, ctxt, text):
        """The text."""

    @rpc.fanout
    def tell(self, ctxt, text):
        """Remember the text."""


class Impl:
    def __init__(self):
        self.told = []

    def echo(self, ctxt, text):
        return text

    def tell(self, ctxt, text):
        self.told.append(text)


@pytest.fixture
def receivers():
    conf = cfg.ConfigOpts()
    rpc_transport.register(conf)
    conf([], project="test", default_config_files=[])
    transport = rpc_transport.connect(conf, "kombu+inprocess:////")
    implementations = [Impl(), Impl()]
    servers = [rpc.server(Echo, impl, transport, f"host{i}", 2) for i, impl in enumerate(implementations)]
    for server in servers:
        server.start()
    yield rpc.client(Echo, transport), implementations
    for server in servers:
        server.stop()
        server.wait()
    transport.cleanup()


def test_calls_and_fanouts_arrive_and_idling_is_free(receivers):
    client, implementations = receivers
    assert client.echo(RequestContext(), "first") == "first"
    assert client.to("host1").echo(RequestContext(), "second") == "second"
    client.tell(RequestContext(), "news")
    deadline = time.monotonic() + 5
    while not all(i.told for i in implementations) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert [i.told for i in implementations] == [["news"], ["news"]]
    before = time.process_time()
    time.sleep(0.5)
    assert time.process_time() - before < 0.1
