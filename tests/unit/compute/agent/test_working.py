"""Jobs that are done are not done again because the conductor was asked a moment too early."""

from common import clock, errors
from common.testing.api import make_conf
from services.compute.agent import reconcile
from services.compute.agent.verbs import Host
from services.compute.agent.working import Done
from services.compute.config import SERVICE
from services.compute.drivers import load_driver


def test_a_job_is_known_until_a_while_after_it_was_told():
    done = Done()
    with clock.frozen() as now:
        done.add(["a", "b"])
        now.advance(3600)
        assert "a" in done and "c" not in done, "its result is on its way still"
        done.told(["a"])
        assert "a" in done, "an answer from before may come yet"
        now.advance(6)
        assert "a" not in done
        done.lost(["b"])
        assert "b" not in done, "it has to be done again"


class Conductor:
    """Says always the same: that one job is to be done. Hears results, or not."""

    def __init__(self):
        self.heard, self.deaf = [], False

    def work(self, ctxt, host, server_ids):
        jobs = [{"id": "saga/verb", "verb": "crash_dump", "args": {}}]
        return [{"server_id": s, "spec": None, "jobs": jobs} for s in server_ids]

    def report(self, ctxt, host, reports):
        if self.deaf:
            raise errors.Transient("away")
        self.heard += [job["id"] for r in reports for job in r["jobs"]]


def test_an_agent_does_a_job_once(tmp_path, monkeypatch):
    monkeypatch.setattr(reconcile, "REPORT_TRIES_MAX", 1)
    conf = make_conf(SERVICE, "compute-agent", tmp_path, compute__driver="simulated")
    conductor, done = Conductor(), []
    agent = reconcile.Reconciler(Host(load_driver(conf, lambda *_: None), None, str(tmp_path), "alpha"), conductor, threads=1)
    monkeypatch.setitem(reconcile._VERBS, "crash_dump", lambda host, server, spec, args: (done.append(server), (None, {}))[1])
    agent._pool.submit = lambda function, item: function(item)

    def once_more(deaf):
        conductor.deaf = deaf
        agent.work(["server"])
        agent._outbox.put(None)
        agent.send()

    with clock.frozen() as now:
        agent.work(["server"])
        agent.work(["server"])
        assert done == ["server"], "its result waits to be told"
        once_more(deaf=False)
        assert (done, conductor.heard) == (["server"], ["saga/verb"])
        now.advance(60)
        once_more(deaf=True)
        once_more(deaf=False)
        assert len(done) == 3 and len(conductor.heard) == 2, "what could not be told is done again"
