"""The simulated hypervisor behaves like a real one, only faster."""

import dataclasses
import shutil
import subprocess

import pytest
from oslo_config import cfg

from common import clock
from services.compute.drivers import base, load_driver, options
from services.compute.objects.server import FlavorSpec, ImageSpec, NicSpec, ServerSpec, VolumeSpec


def make(**settings: object) -> base.Driver:
    conf = cfg.ConfigOpts()
    options.register(conf)
    conf([])
    conf.set_override("driver", "simulated", group="compute")
    for name, value in settings.items():
        conf.set_override(name, value, group="simulated")
    return load_driver(conf, lambda image_id, path: None)


def server(number: int = 1, **fields: object) -> ServerSpec:
    base_spec = ServerSpec(
        f"00000000-0000-0000-0000-{number:012d}",
        FlavorSpec(2, 512, 10),
        name="s",
        hostname="s",
        node="simulated-000",
        image=ImageSpec("i"),
    )
    return dataclasses.replace(base_spec, **fields)


VOLUME = VolumeSpec("v1", {"driver_volume_type": "iscsi", "data": {}})
NIC = NicSpec("11111111-1111-1111", "22222222-2222-2222", "fa:16:3e:00:00:01", ("10.0.0.3",))


def test_a_server_lives_and_goes() -> None:
    driver, events = make(), []
    driver.lifecycle.listen(lambda uuid, power: events.append(power))
    spec = server(nics=(NIC,), volumes=(VOLUME,))
    report = driver.lifecycle.ensure(spec)
    assert (report.power, report.devices, report.taps) == ("running", {"v1": "/dev/vdb"}, (NIC.tap,))
    assert driver.lifecycle.ensure(spec) == report and events == ["running"]
    assert (
        "10.0.0.3" in driver.consoles.output(spec.uuid, None)
        and driver.consoles.output(spec.uuid, 1) == "s login: "
    )
    node = driver.inventory.node("simulated-000")
    assert (node.memory_mb_used, node.disk_gb_used, node.running_servers) == (512, 10, 1)
    for power in ("paused", "running", "suspended", "running", "stopped"):
        assert driver.lifecycle.set_power(spec.uuid, power).power == power
    assert driver.inventory.node("simulated-000").running_servers == 0
    assert driver.lifecycle.reboot(spec, hard=True).power == "running"
    driver.lifecycle.destroy(spec.uuid)
    driver.lifecycle.destroy(spec.uuid)
    assert driver.lifecycle.servers() == [] and driver.lifecycle.report(spec.uuid).power == "absent"
    node = driver.inventory.node("simulated-000")
    assert (node.memory_mb_used, node.disk_gb_used, node.running_servers) == (0, 0, 0)
    assert driver.housekeeping.sweep() == ["i"]


def test_ensure_reconciles_devices() -> None:
    driver, spec = make(), server()
    driver.lifecycle.ensure(spec)
    assert driver.disks.attach(spec.uuid, VOLUME) == "/dev/vdb" == driver.disks.attach(spec.uuid, VOLUME)
    driver.nics.attach(spec.uuid, NIC)
    report = driver.lifecycle.ensure(spec)
    assert report.devices == {} and report.taps == ()
    driver.disks.detach(spec.uuid, "v1")


def test_resize_confirm_and_revert() -> None:
    driver, old = make(nodes=2), server()
    new = dataclasses.replace(old, flavor=FlavorSpec(4, 1024, 20), node="simulated-001")
    driver.lifecycle.ensure(old)
    driver.resize.prepare(old.uuid)
    driver.resize.prepare(old.uuid)
    assert driver.lifecycle.servers()[0].leftover
    assert driver.resize.finish(new).node == "simulated-001"
    assert driver.resize.revert(old).node == "simulated-000"
    assert driver.inventory.node("simulated-001").memory_mb_used == 0
    driver.resize.prepare(old.uuid)
    driver.resize.finish(new)
    driver.resize.confirm(old.uuid)
    assert driver.inventory.node("simulated-000").memory_mb_used == 0
    assert driver.lifecycle.report(old.uuid).node == "simulated-001"


def test_failures_follow_the_seed_not_the_order() -> None:
    def failing(order: range) -> set[int]:
        driver, failed = make(failure_rates={"ensure": "0.3"}, seed=7), set()
        for number in order:
            try:
                driver.lifecycle.ensure(server(number))
            except base.SimulatedFailure:
                failed.add(number)
        return failed

    first = failing(range(100))
    assert 15 < len(first) < 45
    assert first == failing(range(99, -1, -1))


def test_failing_nodes_and_crashes() -> None:
    driver = make(nodes=2, failing_nodes=["simulated-001"], crash_rate=1.0)
    with pytest.raises(base.SimulatedFailure):
        driver.lifecycle.ensure(server(node="simulated-001"))
    assert driver.lifecycle.servers() == []
    report = driver.lifecycle.ensure(server())
    assert report.power == "crashed" and report.fault
    with pytest.raises(base.ServerNotFound):
        driver.inventory.node("elsewhere")


@pytest.mark.parametrize(
    ("kind", "low", "high"), [("fixed", 200, 200), ("uniform", 150, 250), ("exponential", 120, 300)]
)
def test_delays(kind: str, low: float, high: float) -> None:
    driver = make(delays_s={"ensure": "2"}, delay_distribution=kind)
    with clock.frozen() as fake:
        start = fake.now_s
        for number in range(100):
            driver.lifecycle.ensure(server(number))
        assert low <= fake.now_s - start <= high


@pytest.mark.skipif(shutil.which("qemu-img") is None, reason="qemu-img is not installed")
def test_snapshot_is_a_real_image(tmp_path) -> None:
    driver = make()
    driver.lifecycle.ensure(server())
    made = driver.disks.snapshot(server().uuid, str(tmp_path / "s"), "qcow2")
    assert made.virtual_size == 10 * 1024**3 and made.size < 10**6
    subprocess.run(["qemu-img", "check", "-f", "qcow2", made.path], check=True, capture_output=True)


def test_a_running_server_crosses_to_another_host() -> None:
    one, two = make(delays_s={"live_migration": "10"}), make(node_prefix="other-")
    assert one.live is not None and two.live is not None
    spec = server(nics=(NIC,), volumes=(VOLUME,))
    one.lifecycle.ensure(spec)
    found = one.live.probe(spec.uuid)
    arriving = dataclasses.replace(spec, node="other-000")
    with pytest.raises(base.DriverError, match="shared storage"):
        two.live.receive(arriving, found, False, False)
    plan = two.live.receive(arriving, found, None, False)
    with clock.frozen() as now:
        told: list[int] = []
        with pytest.raises(base.MigrationAborted):
            one.live.send(spec.uuid, plan, lambda counters: "abort", lambda: None)
        assert one.lifecycle.report(spec.uuid).power == "running"
        started = now.now_s
        state = one.live.send(spec.uuid, plan, lambda c: told.append(c["memory_remaining"]), lambda: told.append(-1))
        assert now.now_s - started == pytest.approx(10, abs=0.2) and told == sorted(told, reverse=True) and told[-2:] == [0, -1]
        assert one.live.send(spec.uuid, plan, lambda counters: None, lambda: None) == {"gone": True}
        report = two.live.arrive(arriving, state, found)
    assert (report.power, report.node, report.taps) == ("running", "other-000", (NIC.tap,))
    assert report.devices == {"v1": "/dev/vdb"} and one.lifecycle.servers() == []
    assert (one.inventory.node("simulated-000").running_servers, two.inventory.node("other-000").running_servers) == (0, 1)
    with pytest.raises(base.ServerNotFound):
        one.live.arrive(spec, {"gone": True}, found)
    two.live.abandon(spec.uuid, found)
    assert two.lifecycle.servers() == [] and two.inventory.node("other-000").memory_mb_used == 0
