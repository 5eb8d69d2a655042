"""What the API and the agents ask of volume's conductor.

Agents have no database access: they learn here what is to be done on their back end, and tell here what came of it.
`host` is always host@backend.
"""

from typing import Any

from common.rpc.interface import Interface, call, cast


class Conductor(Interface):
    """Any conductor answers; the truth is in the database, so it does not matter which."""

    topic = "volume-conductor"
    version = "1.0"

    @cast
    def run_sagas(self, ctxt: Any, saga_ids: list[str]) -> None:
        """Run these sagas soon. Only a poke: a lost one is found by the conductors' own looking."""

    @call(timeout_s=20)
    def work(self, ctxt: Any, host: str, volume_ids: list[str] | None) -> list[dict[str, Any]]:
        """Open jobs on `host` (of these volumes; None: all), oldest first: {"id", "volume_id", "resource_id", "verb", "args"}."""

    @call(timeout_s=20)
    def report(self, ctxt: Any, host: str, results: list[dict[str, Any]]) -> None:
        """What came of jobs: {"id", "result": {…} or None, "error": text or None}.

        A call, so that a result is never lost: the agent repeats it until it is answered.
        """

    @call(timeout_s=20)
    def exports(self, ctxt: Any, host: str) -> dict[str, list[str]]:
        """Every export that should be on `host`: {volume id: [attachment ids]}."""

    @call(timeout_s=20)
    def gone(self, ctxt: Any, host: str, ids: list[str]) -> list[str]:
        """Which of these volumes and snapshots were deleted: what is left of them may go."""

    @cast
    def heartbeat(self, ctxt: Any, host: str, beat: dict[str, Any]) -> None:
        """The agent lives: {"version", "availability_zone", "pools": [{"name": host@backend#pool, "capabilities"}]}."""

    @call(timeout_s=30)
    def image_access(self, ctxt: Any, host: str, job_id: str) -> dict[str, Any]:
        """How the agent may read or write the image of its open job: {"url", "token"}."""
