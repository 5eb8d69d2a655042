"""What the image API asks of the image conductor. Messages carry ids, never the truth."""

from typing import Any

from common.rpc.interface import Interface, cast


class Conductor(Interface):
    """Any conductor answers; the truth is in the database, so it does not matter which."""

    topic = "image-conductor"
    version = "1.0"

    @cast
    def run_sagas(self, ctxt: Any, saga_ids: list[str]) -> None:
        """Run these sagas soon. Only a poke: a lost one is found by the conductors' own looking."""
