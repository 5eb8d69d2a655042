"""What the APIs and the agents ask of compute's conductor.

Agents have no database access: they learn here what their host should be, and tell here what it is.
"""

from typing import Any

from common.rpc.interface import Interface, call, cast


class Conductor(Interface):
    """Any conductor answers; the truth is in the database, so it does not matter which."""

    topic = "compute-conductor"
    version = "1.0"

    @cast
    def run_sagas(self, ctxt: Any, saga_ids: list[str]) -> None:
        """Run these sagas soon. Only a poke: a lost one is found by the conductors' own looking."""

    @cast
    def wake(self, ctxt: Any, server_ids: list[str]) -> None:
        """Something happened to these servers (an external event): parked sagas look again."""

    @call(timeout_s=20)
    def work(self, ctxt: Any, host: str, server_ids: list[str]) -> list[dict[str, Any]]:
        """What is to be done with these servers on `host`, in the order asked for.

        Each: {"server_id", "spec": ServerSpec as dict or None (it should not be on this host), "keep": bool (its files must
        stay though there is no spec: a move that is not confirmed), "jobs": [{"id", "verb", "args"}] oldest first}.
        """

    @call(timeout_s=20)
    def expected(self, ctxt: Any, host: str) -> list[list[Any]]:
        """Every server that should be on `host`: [[server id, wanted power, has open jobs, busy], …]; small, for full passes."""

    @call(timeout_s=20)
    def report(self, ctxt: Any, host: str, reports: list[dict[str, Any]]) -> None:
        """What the agent found and did.

        Each: {"server_id", "report": ServerReport as dict or None,
        "jobs": [{"id", "result": {…} or None, "error": text or None}]}.
        A call, so that a result is never lost: the agent repeats it until it is answered.
        """

    @call(timeout_s=20)
    def heartbeat(self, ctxt: Any, host: str, beat: dict[str, Any]) -> dict[str, Any]:
        """The agent lives. `beat`: {"version", "nodes": [NodeReport as dict] (with the first beat and when they changed),
        "connector": how the host presents itself to block storage (with nodes)}.

        {"resync": whether nothing was known of the host: it is new, or was deleted and has to tell of all its nodes}.
        A call: what was not answered is told again, so that a node is never unknown to Placement.
        """

    @call(timeout_s=30)
    def image_access(self, ctxt: Any, host: str, server_id: str, image_id: str) -> dict[str, Any]:
        """How the agent may read an image for a server on its host: {"url", "token"}; the token is as weak as can be."""

    @call(timeout_s=20)
    def move_progress(self, ctxt: Any, host: str, server_id: str, counters: dict[str, int]) -> dict[str, Any]:
        """A live migration from `host` goes on: `memory_total`, `disk_remaining` … in bytes.

        {"command": None, "abort" or "force_complete"}: what to do about it.
        """

    @cast
    def move_switching(self, ctxt: Any, host: str, server_id: str) -> None:
        """A guest that moves from `host` stands still and will run on its destination in a moment. One that is lost costs the
        guest its network until the job's result is here."""

    @call(timeout_s=20)
    def evacuated(self, ctxt: Any, host: str, server_ids: list[str]) -> list[str]:
        """Which of these servers, found on `host`, were evacuated from it while it was down: they are to be removed at once."""

    @call(timeout_s=20)
    def cleaned(self, ctxt: Any, host: str, server_ids: list[str]) -> None:
        """`host` has removed these evacuated servers: what is claimed for them there may be given back."""
