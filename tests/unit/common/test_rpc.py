"""Messages over kombu's memory transport: what crosses, what comes back, what a failing receiver does."""

import threading

import pytest

from common import clock, context, errors
from common.rpc.interface import Interface, call, cast, client, fanout, methods, server
from common.testing.api import make_conf
from common.worker import Runtime
from tests.unit.common.support import SERVICE
from tests.waiting import wait_for


class Demo(Interface):
    """The contract under test."""

    topic = "demo"

    @call(timeout_s=5)
    def add(self, ctxt, a: int, b: int = 2) -> int:
        """The sum."""

    @call(timeout_s=5)
    def fail(self, ctxt, kind: str) -> None:
        """Raises the error called `kind`."""

    @call(timeout_s=5)
    def who(self, ctxt) -> dict:
        """The context as it arrives."""

    @call(timeout_s=1)
    def slow(self, ctxt) -> None:
        """Takes longer than the caller waits."""

    @cast
    def poke(self, ctxt, ids: list) -> None:
        """Pokes one."""

    @fanout
    def poke_all(self, ctxt, ids: list) -> None:
        """Pokes all."""


class Impl:
    """A receiver that notes what it gets."""

    def __init__(self):
        self.got, self.event, self.release = [], threading.Event(), threading.Event()

    def add(self, ctxt, a, b):
        return a + b

    def fail(self, ctxt, kind):
        raise {"NotFound": errors.NotFound("no thing"), "Stale": errors.Stale("moved"), "Transient": errors.Transient("later"),
               "bug": KeyError("x"), "Conflict": errors.Conflict("busy")}[kind]

    def who(self, ctxt):
        current = context.current_request_ids()[0]
        return {"user": ctxt.user_id, "request_id": ctxt.request_id, "roles": ctxt.roles, "current": current}

    def slow(self, ctxt):
        self.release.wait(5)

    def poke(self, ctxt, ids):
        self.got.append(ids)
        self.event.set()
        if ids == ["hold"]:
            self.release.wait(5)
        if ids == ["bad"]:
            raise KeyError("a receiver's bug")

    poke_all = poke

    def undeclared(self, ctxt):
        return "secret"


@pytest.fixture
def world(tmp_path):
    """(client, two receivers on hosts one and two)."""
    runtime = Runtime(embedded=True)
    transport = runtime.transport(make_conf(SERVICE, "demo-worker", tmp_path))
    impls = [Impl(), Impl()]
    servers = [server(Demo, impl, transport, host, 4) for impl, host in zip(impls, ("one", "two"), strict=True)]
    for made in servers:
        made.start()
    yield client(Demo, transport), impls
    for impl in impls:
        impl.release.set()
    for made in servers:
        made.stop()
        made.wait()
    runtime.close()


CTXT = context.RequestContext(user_id="u", roles=["member"], request_id="req-1", overwrite=False)


def test_a_call_gives_its_answer_with_defaults_of_the_declaration(world):
    rpc, _ = world
    assert rpc.add(CTXT, 1, b=5) == 6
    assert rpc.add(CTXT, a=1, b=2) == rpc.add(CTXT, 1, 2) == 3


@pytest.mark.parametrize(("args", "kwargs"), [
    ((1,), {"c": 5}), ((), {}), ((1, 2, 3), {}), ((1,), {"a": 1}), ((), {"b": 2})], ids=str)
def test_arguments_that_are_not_declared_are_not_sent(world, args, kwargs):
    with pytest.raises(TypeError):
        world[0].add(CTXT, *args, **kwargs)


def test_a_receiver_that_is_named_gets_the_message_and_one_is_as_patient_as_one_says(world):
    rpc, _ = world
    assert rpc.to("one") is rpc.to("one")
    assert rpc.to("one").within(3).add(CTXT, 1, 2) == 3
    with pytest.raises(errors.Transient):
        rpc.within(0.2).to("nobody").add(CTXT, 1, 2)


def test_the_context_crosses_and_is_unset_afterwards(world):
    rpc, _ = world
    assert rpc.to("one").who(CTXT) == {"user": "u", "request_id": "req-1", "roles": ["member"], "current": "req-1"}


@pytest.mark.parametrize(("kind", "error"), [
    ("NotFound", errors.NotFound), ("Conflict", errors.Conflict), ("Stale", errors.Stale), ("Transient", errors.Transient)])
def test_errors_cross_as_classes(world, kind, error):
    with pytest.raises(error) as caught:
        world[0].fail(CTXT, kind)
    assert str(caught.value) in ("no thing", "moved", "later", "busy")


def test_a_receivers_bug_is_a_runtime_error_that_names_it(world):
    with pytest.raises(RuntimeError, match="^KeyError: 'x'$"):
        world[0].fail(CTXT, "bug")


def test_a_call_without_an_answer_is_transient(world):
    with pytest.raises(errors.Transient, match="demo.slow: no answer"):
        world[0].slow(CTXT)


def test_no_more_messages_are_in_hand_than_the_server_was_given_threads(world):
    rpc, (one, _) = world
    for _ in range(7):
        rpc.to("one").poke(CTXT, ["hold"])
    wait_for("message", lambda: len(one.got) == 4)
    clock.sleep(0.2)
    assert len(one.got) == 4
    one.release.set()
    wait_for("message", lambda: len(one.got) == 7)


def test_a_cast_to_a_host_reaches_that_host_alone(world):
    rpc, (one, two) = world
    rpc.to("two").poke(CTXT, ["a"])
    wait_for("message", lambda: two.got == [["a"]])
    assert one.got == []


def test_a_cast_without_a_host_reaches_one(world):
    rpc, (one, two) = world
    for number in range(6):
        rpc.poke(CTXT, [number])
    wait_for("message", lambda: len(one.got) + len(two.got) == 6)


def test_a_fanout_reaches_all(world):
    rpc, (one, two) = world
    rpc.poke_all(CTXT, ["a"])
    wait_for("message", lambda: one.got == [["a"]] and two.got == [["a"]])


def test_a_failing_message_does_not_end_the_receiver(world):
    rpc, (one, _) = world
    rpc.to("one").poke(CTXT, ["bad"])
    rpc.to("one").poke(CTXT, ["good"])
    wait_for("message", lambda: one.got == [["bad"], ["good"]])


def test_only_what_is_declared_can_be_sent_or_received(world):
    rpc, _ = world
    with pytest.raises(AttributeError):
        _ = rpc.undeclared
    with pytest.raises(Exception, match="undeclared"):
        rpc._client.prepare(timeout=5).call(CTXT, "undeclared")
    assert set(methods(Demo)) == {"add", "fail", "who", "slow", "poke", "poke_all"}
