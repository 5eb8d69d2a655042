"""Every saga of the compute service by its kind."""

from collections.abc import Mapping

from common.saga import Saga
from services.compute.conductor import (
    server_crash_dump,
    server_create,
    server_delete,
    server_evacuate,
    server_extend_volume,
    server_interface,
    server_live_migrate,
    server_password,
    server_power,
    server_rebuild,
    server_reclaim,
    server_rescue,
    server_resize,
    server_shelve,
    server_snapshot,
    server_swap_volume,
    server_volume,
)

SAGAS: Mapping[str, Saga] = {saga.kind: saga for saga in (
    server_create.SAGA, server_delete.SAGA, server_power.SAGA, server_rebuild.SAGA, server_rescue.RESCUE, server_rescue.UNRESCUE,
    server_snapshot.SAGA, server_volume.ATTACH, server_volume.DETACH, server_interface.ATTACH, server_interface.DETACH,
    server_password.SAGA, server_resize.RESIZE, server_resize.MIGRATE, server_resize.CONFIRM, server_resize.REVERT,
    server_shelve.SHELVE, server_shelve.OFFLOAD, server_shelve.UNSHELVE, server_reclaim.SOFT_DELETE, server_reclaim.RESTORE,
    server_live_migrate.SAGA, server_evacuate.SAGA, server_crash_dump.SAGA, server_swap_volume.SAGA,
    server_extend_volume.SAGA,
)}
