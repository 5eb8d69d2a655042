"""Giving out VNIs and VLAN ids: the primary key of segment_allocations decides between two who want the same one."""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy import orm

from common import ids
from services.network.db import models, rows

Allocation = models.SegmentAllocation


def taken(session: orm.Session, kind: str, physical: str | None, number: int | None) -> bool:
    """Whether a network has this segment."""
    return rows.get(session, Allocation, (kind, physical or "", number or 0)) is not None


def free(session: orm.Session, kind: str, physical: str | None, spans: Sequence[tuple[int, int]]) -> int | None:
    """A free id in `spans` (first, last), at random; None when there is none. Another may take it meanwhile."""
    sizes = [last - first + 1 for first, last in spans]
    for _ in range(3 if spans else 0):
        chosen = set()
        for _ in range(8):
            at = ids.randint(0, sum(sizes) - 1)
            for (first, _last), size in zip(spans, sizes, strict=True):
                if at < size:
                    chosen.add(first + at)
                    break
                at -= size
        gone = set(session.scalars(sa.select(Allocation.segmentation_id).where(
            Allocation.network_type == kind, Allocation.physical_network == (physical or ""),
            Allocation.segmentation_id.in_(chosen))).all())
        if chosen - gone:
            return min(chosen - gone)
    return _gap(session, kind, physical, spans)


def _gap(session: orm.Session, kind: str, physical: str | None, spans: Sequence[tuple[int, int]]) -> int | None:
    """The first free id after a used one: for ranges that are nearly full."""
    here, other = Allocation, sa.orm.aliased(Allocation)
    for first, last in spans:
        if not taken(session, kind, physical, first):
            return first
        query = sa.select(here.segmentation_id + 1).outerjoin(other, sa.and_(
            other.network_type == here.network_type, other.physical_network == here.physical_network,
            other.segmentation_id == here.segmentation_id + 1)).where(
            here.network_type == kind, here.physical_network == (physical or ""), other.segmentation_id.is_(None),
            here.segmentation_id >= first, here.segmentation_id < last).limit(1)
        found = session.execute(query).scalar()
        if found is not None:
            return int(found)
    return None


def allocate(session: orm.Session, kind: str, physical: str | None, number: int | None, network_id: str) -> None:
    """Take a segment; IntegrityError when another was quicker."""
    rows.add(session, Allocation(network_type=kind, physical_network=physical or "", segmentation_id=number or 0,
                                 network_id=network_id))
