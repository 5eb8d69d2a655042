"""Shelving: the server's disk becomes an image, its host is given back; unshelving boots it from that image again."""

from typing import Any

from common.db.session import Session
from common.saga import Run, Saga, Step, Wait
from services.compute.conductor import disks, ending, jobs, placing, ports, server_create, server_snapshot
from services.compute.db import operations, server_parts, servers
from services.compute.domain import states


def stop(run: Run) -> Wait | None:
    """Power it off."""
    server = ending.server(run)
    if server.wanted_power != "stopped":
        ending.change(run, wanted_power="stopped")
    found = jobs.run_job(run, "power", server.host, {"power": "stopped", "timeout_s": None})
    return found if isinstance(found, Wait) else None


def start_again(run: Run) -> None:
    """It was running before."""
    if run.data["vm_state"] == states.ACTIVE:
        ending.change(run, wanted_power="running")
        jobs.finish_job(run, "power", ending.server(run).host, {"power": "running"})


def shelved(session: Session, run: Run) -> None:
    """It is shelved, on its host still; offloading follows at once unless it was configured to wait."""
    row = servers.lock_row(session, run.resource_id)
    system = dict(row.system or {}) | {"shelved_image_id": run.data.get("image_id"), "shelved_host": row.host}
    ending.succeed(session, run, "compute_shelve_instance", vm_state=states.SHELVED, power_state=states.SHUTDOWN, system=system)
    if run.deps.conf.compute.shelved_offload_s == 0:
        servers.change(session, run.resource_id, {"task_state": states.SHELVING_OFFLOADING})
        operations.begin_again(session, run.context, "server_shelve_offload", run.resource_id, {"vm_state": states.SHELVED})


def offload(run: Run) -> Wait | None:
    """Take the server off its host; its ports stay, unbound."""
    server = ending.server(run)
    if server.host:
        found = jobs.run_job(run, "destroy", server.host)
        if isinstance(found, Wait):
            return found
        ports.rebind(run, "")
        for disk in disks.rows(run):
            if disk.attachment_id:
                fresh = run.deps.volume.create_attachment(disk.volume_id, run.resource_id)
                run.deps.volume.delete_attachment(disk.attachment_id)
                run.deps.database.transaction(server_parts.change_disk, disk.id, attachment_id=fresh["id"], connection_info=None)
    placing.release(run)
    return None


def offloaded(session: Session, run: Run) -> None:
    """It is on no host."""
    ending.succeed(session, run, "compute_shelve_offload_instance", vm_state=states.SHELVED_OFFLOADED, host=None, node=None,
                   power_state=states.NOSTATE)


def choose_host(run: Run) -> Wait | None:
    """A server that is on no host gets one, and boots from the image made when it was shelved."""
    server = ending.server(run)
    run.deps.database.transaction(servers.change, run.resource_id, {"wanted_power": "running"})
    if server.host:
        return None
    run.data["offloaded"] = True
    image_id = (server.system or {}).get("shelved_image_id")
    if image_id:
        run.deps.database.transaction(_boot_from, run.resource_id, run.deps.image.as_user(run.context).show(image_id))
    found = server_create.choose_host(run)
    if isinstance(found, Wait):
        return found
    ports.rebind(run, run.data["chosen"])  # the row says so only once this step is written down
    return None


def _boot_from(session: Session, server_id: str, image: dict[str, Any]) -> None:
    asked = servers.request(session, server_id)
    known = dict(asked.image or {}) if asked is not None else {}
    servers.change_request(session, server_id, image=known | {
        "id": image["id"], "disk_format": image.get("disk_format"), "checksum": image.get("checksum"),
        "os_hash_algo": image.get("os_hash_algo"), "os_hash_value": image.get("os_hash_value")})


def leave_host(run: Run) -> None:
    """It is on no host again."""
    if run.data.get("offloaded"):
        ports.rebind(run, "")
        server_create.leave_host(run)


def connect_volumes(run: Run) -> Wait | None:
    """Its volumes, for the new host."""
    server = ending.server(run)
    return disks.prepare(run, server)


def spawn(run: Run) -> Wait | None:
    """Have the agent build it, or only start it where it never left."""
    found = jobs.run_job(run, "ensure", ending.server(run).host, timeout_s=run.deps.conf.compute.build_timeout_s)
    return found if isinstance(found, Wait) else None


def drop_image(run: Run) -> Wait | None:
    """The image has served its purpose; the server shows the one that it was made of."""
    server = ending.server(run)
    image_id = (server.system or {}).get("shelved_image_id")
    if image_id:
        run.deps.database.transaction(_forget_image, run.resource_id)
        server_snapshot.remove_image(run, image_id)
    return None


def _forget_image(session: Session, server_id: str) -> None:
    row = servers.lock_row(session, server_id)
    system = {k: v for k, v in (row.system or {}).items() if not k.startswith("shelved_")}
    servers.change(session, server_id, {"system": system})


def unshelved(session: Session, run: Run) -> None:
    """It runs."""
    ending.succeed(session, run, "compute_unshelve_instance", vm_state=states.ACTIVE, power_state=states.RUNNING)


SHELVE = Saga("server_shelve", (Step("stop", stop, start_again), Step("copy_disk", server_snapshot.copy_disk,
                                                                     server_snapshot.drop_image)),
              on_done=shelved, on_failed=ending.failing("compute_shelve_instance", vm_state=None))
OFFLOAD = Saga("server_shelve_offload", (Step("offload", offload),), on_done=offloaded,
               on_failed=ending.failing("compute_shelve_offload_instance"))
UNSHELVE = Saga("server_unshelve", (Step("choose_host", choose_host, leave_host), Step("connect_volumes", connect_volumes),
                                    Step("spawn", spawn, server_create.unspawn),
                                    Step("await_network", server_create.await_network), Step("drop_image", drop_image)),
                on_done=unshelved, on_failed=ending.failing("compute_unshelve_instance", vm_state=None))
