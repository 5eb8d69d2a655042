"""Volume back ends behind small protocols (`base.py`); nothing here knows RPC or databases.

How an agent uses them:

    options.register(conf)
    driver = load_driver(conf, "iscsi")      # one agent, one back end
    driver.start()                           # also brings back every export it ever granted
    driver.create_volume(volume_id, 1)       # blocking: call it from a worker thread, different volumes in parallel
    info = driver.connect(volume_id, attachment_id, Connector.from_dict(connector))
    driver.disconnect(volume_id, attachment_id)
    driver.reconcile_exports({volume_id: [attachment_id]})   # on every full pass, with all attached volumes
    driver.stats().capabilities()            # for the scheduler and get_pools

Every method may be repeated; `delete_volume` cancels a running copy into the same volume. Errors are
`base.BackendError` and its subclasses.

| capability | iscsi | simulated |
|---|---|---|
| volumes, snapshots, clones | sparse files; copies, or reflinks where the file system has them | memory |
| snapshot of a volume in use | a point in time with reflinks only, else a fuzzy copy | a point in time |
| revert to snapshot | yes | yes |
| extend in use | yes, sessions reconnect (about 2 s) | yes |
| multiattach | yes, a secret for each attachment | yes |
| images | raw and whatever qemu-img reads, inspected | content kept of raw ones only |
| volume_clear = zero | yes | no need |
| survives an agent restart | yes | with `journal_path` (without content) |
| driver_volume_type | iscsi | simulated |
"""

from oslo_config import cfg

from services.volume.drivers.base import BackendError, VolumeDriver


def load_driver(conf: cfg.ConfigOpts, backend: str) -> VolumeDriver:
    """The driver of the section `backend`, not yet started; BackendError when it is unknown or lacks its libraries."""
    if backend not in conf.enabled_backends:
        raise BackendError(f"no back end {backend} in enabled_backends ({', '.join(conf.enabled_backends)})")
    settings = conf[backend]
    kind = settings.driver or backend
    # Imported here: a daemon pays only for the driver it runs.
    if kind == "iscsi":
        from services.volume.drivers.iscsi.driver import IscsiDriver

        return IscsiDriver(backend, settings)
    if kind == "simulated":
        from services.volume.drivers.simulated import SimulatedDriver

        return SimulatedDriver(backend, settings)
    raise BackendError(f"section [{backend}] names no known driver: set `driver` to iscsi or simulated")
