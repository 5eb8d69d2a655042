"""Every kind of saga of the volume service."""

from common.saga import Saga
from services.volume.conductor import snapshot, volume_create, volume_delete, volume_extend, volume_retype, volume_upload

SAGAS: dict[str, Saga] = {
    saga.kind: saga
    for saga in (
        volume_create.SAGA,
        volume_delete.SAGA,
        volume_extend.SAGA,
        volume_retype.SAGA,
        volume_upload.UPLOAD,
        volume_upload.REIMAGE,
        snapshot.CREATE,
        snapshot.DELETE,
        snapshot.REVERT,
    )
}
