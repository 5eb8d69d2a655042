"""The agent's pass: what it asks, what it keeps asking for after a failure, what it reports."""

from typing import Any

import pytest

from common import errors
from services.network.agent import reconcile
from services.network.agent.reconcile import Reconciler
from services.network.drivers.simulated import Simulated
from services.network.drivers.stack import simulated_stack
from services.network.objects.port import Port, SecurityRule
from services.network.objects.segment import Segment

SEGMENT = Segment("n1", "vxlan", 7)
KINDS = ("segments", "peers", "neighbours", "ports", "address_sets", "dhcps", "routers")


def port(port_id: str, *, pending: bool = False) -> Port:
    return Port(port_id, "n1", port_id, rules=(SecurityRule("ingress", remote_set="g1"),), device_owner="compute:nova",
                pending=pending)


def answer(full: bool = False, **made: Any) -> dict[str, Any]:
    return {"full": full, **{k: [x if isinstance(x, dict) else x.to_dict() for x in made.pop(k, ())] for k in KINDS}, **made}


class Conductor:
    """Gives out prepared answers; remembers what it was asked and told."""

    def __init__(self) -> None:
        self.answers: list[Any] = []
        self.asked: list[dict[str, Any]] = []
        self.told: list[dict[str, Any]] = []
        self.answered = 0  # reports

    def get_host_state(self, _ctxt: Any, host: str, **wanted: Any) -> dict[str, Any]:
        self.asked.append(wanted)
        found = self.answers.pop(0)
        if isinstance(found, Exception):
            raise found
        return found  # type: ignore[no-any-return]

    def report(self, _ctxt: Any, **told: Any) -> None:
        self.told.append(told)
        self.answered += 1

    def report_up(self, _ctxt: Any, **told: Any) -> None:
        self.told.append({**told, "ports_down": []})


@pytest.fixture
def conductor() -> Conductor:
    return Conductor()


@pytest.fixture
def simulated() -> Simulated:
    return Simulated()


@pytest.fixture
def agent(conductor: Conductor, simulated: Simulated, monkeypatch: pytest.MonkeyPatch) -> Reconciler:
    monkeypatch.setattr(reconcile, "RETRY_S", 0.0)
    made = Reconciler("h1", conductor, simulated_stack(simulated), facts={}, full_pass_s=60)
    conductor.answers.append(answer(
        True, segments=[SEGMENT], ports=[port("p1")], address_sets=[{"set_id": "g1", "members": ["1"]}]))
    made.one_pass()
    return made


def test_the_first_pass_asks_for_everything_and_tells_what_is_wired(agent: Reconciler, conductor: Conductor) -> None:
    assert conductor.asked == [{}] and conductor.told[0]["ports_up"] == ["p1"]
    assert agent.mirror.state().changed is not None  # the drivers took it in


def test_a_pass_without_news_asks_and_tells_nothing(agent: Reconciler, conductor: Conductor) -> None:
    agent.one_pass()
    assert len(conductor.asked) == len(conductor.told) == 1


def test_what_is_known_is_not_asked_for(agent: Reconciler, conductor: Conductor) -> None:
    agent.poke({"g1": ["2"], "elsewhere": ["3"]}, port_ids=["p2"])
    conductor.answers.append(answer(segments=[SEGMENT], ports=[port("p2")], set_changes={"g1": {"added": ["2"], "removed": []}}))
    agent.one_pass()
    assert conductor.asked[1] == {"port_ids": ["p2"], "known_sets": ["g1"], "set_members": {"g1": ["2"]}}
    assert list(agent.mirror.members["g1"]) == ["1", "2"] and conductor.told[1]["ports_up"] == ["p2"]


def test_pokes_about_sets_that_are_not_here_cost_no_message(agent: Reconciler, conductor: Conductor) -> None:
    agent.poke({"elsewhere": ["3"]})
    agent.one_pass()
    assert len(conductor.asked) == 1


def test_what_could_not_be_asked_is_asked_again(agent: Reconciler, conductor: Conductor) -> None:
    agent.poke({"g1": ["2"]}, port_ids=["p2"], router_ids=["r1"])
    conductor.answers += [errors.Transient("away"), answer(gone={"port_ids": ["p2"], "router_ids": ["r1"]})]
    with pytest.raises(errors.Transient):
        agent.one_pass()
    agent.one_pass()
    assert conductor.asked[1] == conductor.asked[2]
    assert conductor.asked[2]["set_members"] == {"g1": ["2"]} and conductor.asked[2]["router_ids"] == ["r1"]


def test_a_port_that_moved_away_is_no_longer_wired_and_not_told_as_down(
        agent: Reconciler, conductor: Conductor, simulated: Simulated) -> None:
    agent.poke(port_ids=["p1"])
    conductor.answers.append(answer())
    agent.one_pass()
    assert simulated.state.ports == () and all(not told["ports_down"] for told in conductor.told)


def test_what_failed_stays_to_be_done(agent: Reconciler, conductor: Conductor, simulated: Simulated) -> None:
    simulated.failing["port:p2"] = "broken"
    agent.poke(port_ids=["p2"])
    conductor.answers.append(answer(segments=[SEGMENT], ports=[port("p2")]))
    agent.one_pass()
    assert "p2" in agent.mirror.state().changed.ports and conductor.told[-1]["errors"] == {"port:p2": "broken"}
    simulated.failing.clear()
    agent.one_pass()
    assert agent.mirror.state().changed.ports == set() and conductor.told[-1]["ports_up"] == ["p2"]


def test_a_report_that_was_lost_is_made_up_for_by_the_next_full_pass(agent: Reconciler, conductor: Conductor) -> None:
    assert conductor.answered == 0 and len(conductor.told) == 1
    for up, reports in (([], 2), (["p1"], 2), (["p1", "elsewhere"], 2), ([], 3)):
        agent.resync()
        conductor.answers.append(answer(True, segments=[SEGMENT], ports=[port("p1")], up=up))
        agent.one_pass()
        assert len(conductor.told) == reports and conductor.told[-1]["ports_up"] == ["p1"]


def test_what_counts_as_wired_and_is_not_is_told_as_down(agent: Reconciler, conductor: Conductor, simulated: Simulated) -> None:
    simulated.auto_tap = False
    agent.resync()
    conductor.answers.append(answer(True, segments=[SEGMENT], ports=[port("p1"), port("p2")], up=["p1"]))
    agent.one_pass()
    assert conductor.told[-1]["ports_down"] == ["p1"] and conductor.answered == 1  # so that it cannot overtake what follows


def test_a_port_that_may_move_here_is_told_of_once_and_surely(agent: Reconciler, conductor: Conductor) -> None:
    agent.poke(port_ids=["p2"])
    conductor.answers.append(answer(segments=[SEGMENT], ports=[port("p2", pending=True)]))
    agent.one_pass()
    assert conductor.told[-1]["ports_up"] == ["p2"] and conductor.answered == 1
    agent.resync()
    conductor.answers.append(answer(True, segments=[SEGMENT], ports=[port("p1"), port("p2", pending=True)], up=["p1"]))
    agent.one_pass()
    assert len(conductor.told) == 2
