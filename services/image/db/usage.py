"""What a project uses, for quotas."""

import sqlalchemy as sa
from sqlalchemy import orm

from common.db import locks
from services.image.db.models import Image, ImageLocation, ProjectLock

UPLOADING = ("saving", "uploading", "importing")


def lock(session: orm.Session, owner: str) -> None:
    """Let nobody else count and add to the project's usage until this transaction ends."""
    locks.hold(session, ProjectLock.uses, ProjectLock.project_id, owner)


def usage(session: orm.Session, owner: str) -> dict[str, int]:
    """Numbers by limit name: images, those being filled, bytes stored (over all locations), bytes staged."""
    mine = sa.and_(Image.owner == owner, Image.deleted.is_(False))
    counts = sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(sa.case((Image.status.in_(UPLOADING), 1), else_=0)), 0),
                       sa.func.coalesce(sa.func.sum(sa.case((Image.status == "uploading", Image.size), else_=0)), 0))
    total, uploading, staged = session.execute(counts.where(mine)).one()
    stored = sa.select(sa.func.coalesce(sa.func.sum(Image.size), 0)).select_from(Image).join(
        ImageLocation, ImageLocation.image_id == Image.id).where(mine, ImageLocation.status == "active")
    return {"image_count_total": int(total), "image_count_uploading": int(uploading),
            "image_stage_total": int(staged or 0), "image_size_total": int(session.scalar(stored) or 0)}
