"""Handing volumes over to other projects: an offer with a key, and its acceptance."""

import hashlib
import hmac

from common import errors, ids
from common.context import RequestContext
from common.db.session import Session
from services.volume.db import snapshots, transfers, types, volumes
from services.volume.db.models import Transfer, Volume
from services.volume.domain import faults, quotas
from services.volume.domain.deps import Deps


def _hash(salt: str, key: str) -> str:
    return hmac.new(salt.encode(), key.encode(), hashlib.sha256).hexdigest()


def offer(deps: Deps, volume: Volume, name: str | None, no_snapshots: bool) -> tuple[Transfer, str]:
    """Offer a volume; the transfer and its key, which is told only once. 400 unless the volume is available."""
    key = ids.secret(deps.conf.volume.transfer_key_bytes)
    salt = ids.secret(deps.conf.volume.transfer_salt_bytes)

    def make(session: Session) -> Transfer:
        row = volumes.lock(session, volume.id)
        if not volumes.change(session, row.id, ["available"], status="awaiting-transfer"):
            raise faults.invalid_volume("status must be available")
        return transfers.insert(
            session,
            id=ids.uuid(),
            volume_id=row.id,
            name=name,
            salt=salt,
            auth_hash=_hash(salt, key),
            no_snapshots=no_snapshots,
            source_project_id=row.project_id,
        )

    try:
        return deps.db.transaction(make), key
    except errors.Stale:
        raise faults.missing("volume", volume.id) from None


def withdraw(deps: Deps, transfer: Transfer) -> None:
    """Take an offer back."""

    def make(session: Session) -> None:
        if transfers.delete(session, transfer.id):
            volumes.change(session, transfer.volume_id, ["awaiting-transfer"], status="available")

    deps.db.transaction(make)


def accept(deps: Deps, context: RequestContext, transfer_id: str, key: str) -> Transfer:
    """Take a volume over. 404 without such an offer, 400 for a wrong key, 413 over quota."""

    def make(session: Session) -> Transfer:
        transfer = transfers.get(session, transfer_id)
        if transfer is None:
            raise faults.missing("transfer", transfer_id)
        if not hmac.compare_digest(_hash(transfer.salt, key), transfer.auth_hash):
            raise errors.BadRequest(f"Invalid auth key: Attempt to transfer {transfer_id} with invalid auth key.")
        row = volumes.lock(session, transfer.volume_id)
        kind = types.get(session, row.volume_type_id)
        assert kind is not None and context.project_id is not None
        if not types.may_use(session, kind.id, context.project_id):
            raise faults.invalid_volume("the volume's type is not open to the accepting project")
        of_it = volumes.snapshot_ids(session, row.id)
        if of_it and transfer.no_snapshots:
            raise faults.invalid_volume("the volume has snapshots, and the transfer is without them")
        size = row.size * (1 + len(of_it))
        quotas.check(session, deps.conf, context.project_id, kind, volumes_more=1, snapshots_more=len(of_it), gigabytes_more=size)
        if not volumes.change(
            session, row.id, ["awaiting-transfer"], status="available", project_id=context.project_id, user_id=context.user_id
        ):
            raise faults.invalid_volume("status must be awaiting-transfer")
        for snapshot_id in of_it:
            snapshots.change(session, snapshot_id, None, project_id=context.project_id, user_id=context.user_id)
        transfers.delete(session, transfer_id)
        return transfer

    try:
        return deps.db.transaction(make)
    except errors.Stale:
        raise faults.missing("transfer", transfer_id) from None
