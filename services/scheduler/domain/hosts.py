"""What compute told about its hosts, kept in the schema and in memory."""

import threading
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from common import errors
from common.db.session import Database, Session, unique_violation
from services.scheduler.db import hosts as db_hosts
from services.scheduler.db import index as db_index
from services.scheduler.db.refusals import IntegrityError
from services.scheduler.domain.scheduling.filters import KIND_FACTS

_REQUIRED = ("host", "node", "provider_id")


class Hosts:
    """Facts by provider uuid; `refresh` reads what changed. Whoever reads holds `lock`.

    `kinds` are equal for hosts whose facts KIND_FACTS are.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.facts: dict[str, Mapping[str, Any]] = {}
        self.kinds: dict[str, bytes] = {}
        self.by_host: dict[str, set[str]] = {}
        self._rows: dict[int, tuple[int, int, str, str]] = {}
        self._sums: db_index.Sums = {}

    def refresh(self, session: Session, totals: db_index.Sums | None = None) -> None:
        """Make this what the schema is now: one query when nothing changed, none with `totals` that were read just now."""
        with self.lock:
            if (totals or db_index.totals(session))[db_index.HOSTS] == db_index.total(self._sums):
                return
            same: dict[bytes, bytes] = {}
            sums = db_index.host_sums(session)
            buckets = {b for b in sums.keys() | self._sums.keys() if sums.get(b) != self._sums.get(b)}
            rows = db_index.hosts(session, buckets if self._rows else None)
            seen = {row.id for row in rows}
            for number in [n for n, (bucket, *_) in self._rows.items() if bucket in buckets and n not in seen]:
                self._forget(number)
            for row in rows:
                if row.id in self._rows:
                    if self._rows[row.id][1] == row.revision:
                        continue
                    self._forget(row.id)
                self._rows[row.id] = (row.bucket, row.revision, row.provider_id, row.host)
                self.facts[row.provider_id] = row.facts
                kind = orjson.dumps([row.facts.get(name) for name in KIND_FACTS], option=orjson.OPT_SORT_KEYS)
                self.kinds[row.provider_id] = same.setdefault(kind, kind)
                self.by_host.setdefault(row.host, set()).add(row.provider_id)
            self._sums = sums

    def _forget(self, number: int) -> None:
        _, _, provider_id, host = self._rows.pop(number)
        self.facts.pop(provider_id, None)
        self.kinds.pop(provider_id, None)
        self.by_host.get(host, set()).discard(provider_id)

    def providers(self, host: str | None, node: str | None) -> list[str]:
        """Uuids of the providers of a host, a node, or a node of a host; most hosts have one."""
        if host is not None:
            found = sorted(self.by_host.get(host, ()))
        else:
            found = sorted(u for u, f in self.facts.items() if f["node"] == node)
        return [u for u in found if node is None or self.facts[u]["node"] == node]


def update(database: Database, told: Sequence[Mapping[str, Any]], cache: Hosts | None = None) -> int:
    """Store what compute told; how many hosts changed. errors.BadRequest when one lacks its name or provider.

    With a `cache`, hosts that are in it just so are not even looked up.
    """
    for facts in told:
        if any(not facts.get(key) for key in _REQUIRED):
            raise errors.BadRequest(f"a host needs {', '.join(_REQUIRED)}: {dict(facts)}")
    if cache is not None:
        with database.read() as session, cache.lock:
            cache.refresh(session)
            told = [f for f in told if cache.facts.get(f["provider_id"]) != f]
    if not told:
        return 0
    try:
        return database.transaction(_store, told)
    except IntegrityError as e:  # another scheduler heard of a new host at the same time
        if not unique_violation(e):
            raise
        return database.transaction(_store, told)


def _store(session: Session, told: Sequence[Mapping[str, Any]]) -> int:
    known = db_hosts.get_many(session, [f["provider_id"] for f in told])
    changed = 0
    for facts in sorted(told, key=lambda f: str(f["provider_id"])):
        row = known.get(facts["provider_id"])
        if row is not None and row.facts == dict(facts):
            continue
        changed += 1
        (db_hosts.insert if row is None else db_hosts.update)(session, dict(facts))
    return changed
