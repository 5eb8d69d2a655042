"""Placement for the conductors of other services: providers with all they have, and allocations.

Writes that lose a race over a generation are done again from what is there then; what the caller
gives is always the whole truth about a provider, so that calling again is harmless.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

from common import clock, errors, ids
from common.clients.base import RemoteError, ServiceClient

T = TypeVar("T")
Allocations = dict[str, dict[str, int]]
_TRIES_MAX = 8
_CONFLICT = "placement.concurrent_update"


class Placement(ServiceClient):
    """Typed calls of the Placement API, microversion 1.39.

    Every method raises RemoteError when Placement refuses and errors.Transient when it does not answer
    or others keep changing the same thing.
    """

    service_type = "placement"
    microversion = "1.39"

    def request(self, method: str, path: str, **kwargs: Any) -> Any:  # type: ignore[override]
        """As ServiceClient.request."""
        return super().request(method, path, microversion=self.microversion, **kwargs)

    # providers

    def provider(self, uuid: str) -> dict[str, Any] | None:
        """{"uuid", "name", "generation", "parent_provider_uuid", "root_provider_uuid"}, or None."""
        return self._or_none(lambda: self.get(f"/resource_providers/{uuid}"))

    def providers(self, **filters: Any) -> list[dict[str, Any]]:
        """Providers that fit the filters: name, uuid, in_tree, member_of, resources, required."""
        found: list[dict[str, Any]] = self.get("/resource_providers", **filters)["resource_providers"]
        return found

    def ensure_provider(self, uuid: str, name: str, parent: str | None = None) -> None:
        """Make the provider, or give it this name and parent."""
        found = self.provider(uuid)
        body = {"name": name, "parent_provider_uuid": parent}
        if found is None:
            try:
                self.post("/resource_providers", {"uuid": uuid, **body})
            except RemoteError as e:
                if e.status != 409 or self.provider(uuid) is None:
                    raise
        elif (found["name"], found["parent_provider_uuid"]) != (name, parent):
            self.put(f"/resource_providers/{uuid}", body)

    def delete_provider(self, uuid: str) -> None:
        """Remove the provider, if it is there; RemoteError 409 while it has allocations or children."""
        self.delete(f"/resource_providers/{uuid}")

    def inventories(self, uuid: str) -> dict[str, dict[str, Any]]:
        """class -> {"total", "reserved", "min_unit", "max_unit", "step_size", "allocation_ratio"}."""
        found: dict[str, dict[str, Any]] = self.get(f"/resource_providers/{uuid}/inventories")["inventories"]
        return found

    def set_inventories(self, uuid: str, inventories: Mapping[str, Mapping[str, Any]]) -> bool:
        """Make `inventories` all that the provider has; whether anything had to be written.

        Fields that are not given get Placement's defaults. RemoteError 409 when one that would go is in use.
        """
        path = f"/resource_providers/{uuid}/inventories"
        wanted = {name: _inventory(fields) for name, fields in inventories.items()}

        def attempt() -> bool:
            have = self.get(path)
            if have["inventories"] == wanted:
                return False
            self.put(path, {"inventories": wanted, "resource_provider_generation": have["resource_provider_generation"]})
            return True

        return self._retried(attempt)

    def set_traits(self, uuid: str, traits: Collection[str]) -> bool:
        """Make `traits` all that the provider has (custom ones are made first); whether anything had to be written."""
        path = f"/resource_providers/{uuid}/traits"

        def attempt() -> bool:
            have = self.get(path)
            if set(have["traits"]) == set(traits):
                return False
            for name in sorted(set(traits) - set(have["traits"])):
                if name.startswith("CUSTOM_"):
                    self.request("PUT", f"/traits/{name}")
            self.put(path, {"traits": sorted(set(traits)),
                            "resource_provider_generation": have["resource_provider_generation"]})
            return True

        return self._retried(attempt)

    def set_aggregates(self, uuid: str, aggregates: Collection[str]) -> bool:
        """Make `aggregates` all that the provider is in; whether anything had to be written."""
        path = f"/resource_providers/{uuid}/aggregates"

        def attempt() -> bool:
            have = self.get(path)
            if set(have["aggregates"]) == set(aggregates):
                return False
            self.put(path, {"aggregates": sorted(set(aggregates)),
                            "resource_provider_generation": have["resource_provider_generation"]})
            return True

        return self._retried(attempt)

    def ensure_class(self, name: str) -> None:
        """Make a custom resource class, if it is not there."""
        self.request("PUT", f"/resource_classes/{name}")

    def usages(self, uuid: str) -> dict[str, int]:
        """class -> amount of the provider in use."""
        found: dict[str, int] = self.get(f"/resource_providers/{uuid}/usages")["usages"]
        return found

    # allocations

    def allocations(self, consumer: str) -> Allocations:
        """provider -> class -> amount that the consumer has; empty when it has nothing."""
        return {u: dict(item["resources"]) for u, item in self._consumer(consumer)["allocations"].items()}

    def _consumer(self, consumer: str) -> dict[str, Any]:
        found: dict[str, Any] = self.get(f"/allocations/{consumer}")
        return found

    def provider_allocations(self, uuid: str) -> dict[str, dict[str, int]]:
        """consumer -> class -> amount of the provider; empty when there is no such provider."""
        found = self._or_none(lambda: self.get(f"/resource_providers/{uuid}/allocations"))
        return {c: item["resources"] for c, item in (found or {"allocations": {}})["allocations"].items()}

    def put_allocations(self, consumer: str, allocations: Mapping[str, Mapping[str, int]], *, project_id: str,
                        user_id: str, consumer_type: str = "INSTANCE") -> None:
        """Give the consumer exactly this (empty: nothing). RemoteError 409 when there is no room."""

        def attempt() -> None:
            have = self._consumer(consumer)
            if not have["allocations"] and not allocations:
                return
            self.put(f"/allocations/{consumer}", {
                "allocations": _resources(allocations), "project_id": project_id, "user_id": user_id,
                "consumer_type": consumer_type, "consumer_generation": have.get("consumer_generation")})

        self._retried(attempt)

    def delete_allocations(self, consumer: str) -> None:
        """Take everything from the consumer; harmless when it has nothing."""
        self.delete(f"/allocations/{consumer}")

    def drop_allocations(self, consumers: Collection[str]) -> None:
        """Take everything from all these consumers in one transaction; harmless for those that have nothing."""
        if not consumers:
            return
        nothing = {"allocations": {}, "project_id": "none", "user_id": "none"}
        # before 1.28 a consumer's generation need not be known
        super().request("POST", "/allocations", json={consumer: nothing for consumer in consumers}, microversion="1.27")

    def move_allocations(self, source: str, target: str, *, consumer_type: str = "MIGRATION",
                         project_id: str | None = None, user_id: str | None = None) -> None:
        """Give all that consumer `source` has to `target` in one transaction; harmless when it has happened.

        The owner is the source's unless named. For a resize: the server's allocations go to the migration's id and back.
        """

        def attempt() -> None:
            have, other = self._consumer(source), self._consumer(target)
            if not have["allocations"]:
                return
            owner = {"project_id": project_id or have["project_id"], "user_id": user_id or have["user_id"]}
            empty = {"allocations": {}, **owner, "consumer_type": have["consumer_type"],
                     "consumer_generation": have["consumer_generation"]}
            full = {"allocations": {u: {"resources": i["resources"]} for u, i in have["allocations"].items()}, **owner,
                    "consumer_type": consumer_type, "consumer_generation": other.get("consumer_generation")}
            self.post("/allocations", {source: empty, target: full})

        self._retried(attempt)

    def drop_provider(self, consumer: str, uuid: str) -> None:
        """Take from the consumer what it has of one provider (the source of a move that is confirmed)."""

        def attempt() -> None:
            have = self._consumer(consumer)
            if uuid not in have["allocations"]:
                return
            rest = {u: {"resources": i["resources"]} for u, i in have["allocations"].items() if u != uuid}
            self.put(f"/allocations/{consumer}", {
                "allocations": rest, "project_id": have["project_id"], "user_id": have["user_id"],
                "consumer_type": have["consumer_type"], "consumer_generation": have["consumer_generation"]})

        self._retried(attempt)

    # helpers

    @staticmethod
    def _or_none(work: Callable[[], T]) -> T | None:
        try:
            return work()
        except RemoteError as e:
            if e.status == 404:
                return None
            raise

    @staticmethod
    def _retried(attempt: Callable[[], T]) -> T:
        """Call `attempt`, again when another changed the same thing between its reading and its writing."""
        for number in range(_TRIES_MAX):
            try:
                return attempt()
            except RemoteError as e:
                if e.status != 409 or not _raced(e):
                    raise
                last = e
            clock.sleep(0.01 * 2**number * ids.uniform(0.5, 1.0))
        raise errors.Transient(f"{last.what}: others keep changing it: {last.message}")


def _raced(error: RemoteError) -> bool:
    """Whether a conflict is about a generation (worth another try) and not about room or use."""
    cause = getattr(error.__cause__, "response", None)
    try:
        codes = [item.get("code") for item in cause.json()["errors"]] if cause is not None else []
    except (ValueError, KeyError, TypeError):
        codes = []
    return _CONFLICT in codes


def _resources(allocations: Mapping[str, Mapping[str, int]]) -> dict[str, Any]:
    return {u: {"resources": dict(amounts)} for u, amounts in allocations.items()}


def _inventory(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {"reserved": 0, "min_unit": 1, "max_unit": 2**31 - 1, "step_size": 1, "allocation_ratio": 1.0, **fields}
