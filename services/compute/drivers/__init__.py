"""Hypervisors, each as one record (`base.Driver`) of small capabilities.

    driver = load_driver(conf, fetch_image)

`conf` holds the groups that `options.register` declares; `fetch_image(image_id, path)` streams an image into a file and is
called at most once per image and host. A host has one driver; its methods block, may be called from any thread, and
serialise by themselves what concerns one server.

| capability     | what it is for                                             | libvirt | simulated |
|----------------|------------------------------------------------------------|---------|-----------|
| `lifecycle`    | ensure, destroy, power, reboot, report, list, power events | yes     | yes       |
| `inventory`    | nodes, their capacity, usage, traits                       | yes (1) | yes (thousands) |
| `consoles`     | serial output; VNC and serial endpoints                    | yes     | output only |
| `disks`        | attach, detach, extend volumes; snapshot the root disk     | iscsi, rbd, local | yes |
| `nics`         | attach, detach network cards                               | yes     | yes       |
| `resize`       | resize, cold migration, confirm, revert                    | yes     | yes       |
| `live`         | moving a running server to another host                    | yes     | yes       |
| `guest`        | password, freeze, thaw through the agent in the guest      | yes     | None      |
| `diagnostics`  | counters, 2.48 form and the one before                     | yes     | yes       |
| `housekeeping` | image cache: prefetch; sweep on the periodic pass          | yes     | yes       |

How an agent uses it:

- `lifecycle.ensure(spec)` is the reconcile step. It builds what is missing, plugs and unplugs what differs, brings the
  power state, and changes nothing when all is well; call it for a new server and on every full pass. A changed flavor or
  image property takes effect when the server is next started from `ensure` or rebooted hard.
- What it reports of devices (`ServerReport.devices`) goes back into the spec (`VolumeSpec.device`), so that names stay.
- `rebuild` is `destroy`, then `ensure` with the new image. `rescue` is `ensure` with `spec.rescue`, unrescue without.
- Stopping for resize: `resize.prepare` on the source; every `DiskFile` it returns is read by `open_disk(name)` and given to
  `receive` on another host (nothing to send on the same one); `finish` with the new spec there; then `confirm` on the source,
  or `abandon` on the other host and `revert` on the source.
- Moving a running server: `base.Live` says what is called where; `agent.moves` calls it.
- A power event arrives for every change, wanted or not: ignore those of servers that an operation is working on, and look
  with `report` before believing one (a soft reboot passes through `stopped`).
- `lifecycle.servers()` minus what the conductor knows are orphans: `destroy` them. `leftover` means files without a domain,
  as between `prepare` and `confirm`; destroy those only when the conductor knows no such server.
- `DriverError` and its subclasses are the only errors; their texts are fit for a fault. `retryable` ones may be tried again.
- `destroy` kills the guest at once, and so ends a shutdown or detach that another thread waits for on the same server.
- Bridges (`NicSpec.bridge`) are made here when missing and removed by the network agent; taps come and go with the guest.
- A spec holds secrets: never log one.
"""

from oslo_config import cfg

from services.compute.drivers import base


def load_driver(conf: cfg.ConfigOpts, fetch_image: base.ImageFetcher) -> base.Driver:
    """The driver that `[compute] driver` names; DriverError when its software is not installed.

    Only the chosen one is imported. The simulated one has no use for image data and never calls `fetch_image`.
    """
    if conf.compute.driver == "simulated":
        from services.compute.drivers.simulated import driver as simulated

        return simulated.build(conf.simulated)
    try:
        from services.compute.drivers.libvirt import driver
    except ModuleNotFoundError as e:
        raise base.DriverError(
            f"The libvirt driver needs the Python module {e.name} (Debian package python3-libvirt)."
        ) from e
    return driver.build(conf.libvirt, fetch_image)
