"""Notifications: told by requests, sent by a thread, in oslo.messaging's form; nothing where nobody asked for them."""

import threading

import pytest

from common.context import RequestContext
from common.rpc import notifier as notifiers
from common.rpc import transport
from common.testing.api import make_conf
from services.image.config import SERVICE

CALLER = RequestContext(user_id="u", project_id="p", auth_token="secret", request_id="req-1")


class Worker:
    """What a notifier needs of one."""

    def __init__(self):
        self.loops, self.stops = [], []

    def loop(self, name, work):
        self.loops.append(threading.Thread(target=work, name=name))
        self.loops[-1].start()

    def on_stop(self, work):
        self.stops.append(work)

    def stop(self):
        for work in self.stops:
            work()
        for thread in self.loops:
            thread.join(10)
            assert not thread.is_alive()


def made(folder, *drivers):
    conf = make_conf(SERVICE, "image-api", folder)
    notifiers.register(conf)
    conf.set_override("driver", list(drivers), group=notifiers.GROUP)
    conf.set_override("transport_url", "fake://", group=notifiers.GROUP)
    return notifiers.Notifier(conf, "image.here", "glance")


@pytest.fixture
def sent():
    transport.prepare()
    from oslo_messaging.notify import _impl_test

    _impl_test.reset()
    yield _impl_test.NOTIFICATIONS
    _impl_test.reset()


def test_what_is_told_is_sent_before_the_end(tmp_path, sent):
    notifier, worker = made(tmp_path, "test"), Worker()
    notifier.attach(worker)
    for name in ("one", "two"):
        notifier.tell(CALLER, "image.create", {"name": name})
    worker.stop()
    assert [(m["event_type"], m["publisher_id"], m["payload"], priority) for _, m, priority, _ in sent] == [
        ("image.create", "image.here", {"name": "one"}, "INFO"), ("image.create", "image.here", {"name": "two"}, "INFO")]
    context = sent[0][0]
    assert (context["user"], context["project_id"], context["request_id"]) == ("u", "p", "req-1")
    assert "secret" not in str(sent)


@pytest.mark.parametrize("drivers", [(), ("noop",)])
def test_nothing_without_a_driver(tmp_path, sent, drivers):
    notifier, worker = made(tmp_path, *drivers), Worker()
    notifier.attach(worker)
    notifier.tell(CALLER, "image.create", {})
    assert (notifier.enabled, worker.loops, sent) == (False, [], [])


def test_what_piles_up_is_dropped_and_said(tmp_path, sent, caplog, monkeypatch):
    monkeypatch.setattr(notifiers, "_HELD", 2)
    notifier, worker = made(tmp_path, "test"), Worker()
    for number in range(4):  # before anything sends
        notifier.tell(CALLER, "image.update", {"number": number})
    assert caplog.text.count("image.update is dropped") == 2
    notifier.attach(worker)
    worker.stop()
    assert [m["payload"]["number"] for _, m, _, _ in sent] == [0, 1]
