"""What an agent tells of its nodes, and when: a host that was forgotten while its agent ran is told of whole again."""

from common.testing.api import make_conf
from services.compute.agent.reconcile import Reconciler
from services.compute.agent.verbs import Host
from services.compute.config import SERVICE
from services.compute.drivers import load_driver


class Conductor:
    """Knows a host from its first beat until it is forgotten; notes the nodes of each beat."""

    def __init__(self):
        self.known, self.told = False, []

    def heartbeat(self, ctxt, host, beat):
        self.told.append(sorted(n["node"] for n in beat["nodes"]))
        new, self.known = not self.known, True
        return {"resync": new}


def test_a_host_that_is_forgotten_registers_itself_again(tmp_path):
    conf = make_conf(SERVICE, "compute-agent", tmp_path, compute__driver="simulated", simulated__nodes=3)
    conductor = Conductor()
    host = Host(load_driver(conf, lambda *_: None), None, str(tmp_path), "alpha")
    agent, nodes = Reconciler(host, conductor, threads=1), sorted(host.driver.inventory.nodes())
    assert len(nodes) == 3
    agent.beat(conductor)
    agent.beat(conductor)
    assert conductor.told == [nodes, []], "what did not change is told once"
    conductor.known = False
    agent.beat(conductor)
    agent.beat(conductor)
    assert conductor.told[2:] == [[], nodes, []]
