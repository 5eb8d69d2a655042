"""The simulated back end, and what the factory refuses."""

import pytest
from oslo_config import cfg

from common import clock
from services.volume.drivers import base, load_driver, options
from services.volume.objects.storage import GIB, Connector


def make(backend="simulated", **settings):
    conf = cfg.ConfigOpts()
    conf([], project="altostack-test", default_config_files=[])
    conf.register_opt(options.ENABLED)
    conf.set_override("enabled_backends", [backend])
    options.register(conf)
    for key, value in settings.items():
        conf.set_override(key, value, group=backend)
    return load_driver(conf, backend)


def test_it_has_every_capability():
    driver = make()
    for protocol in (
        base.Backend, base.VolumeLifecycle, base.Snapshots, base.ImageTransfer, base.Export, base.Capacity, base.Listing,
    ):
        assert isinstance(driver, protocol)


def test_life_of_a_volume():
    driver = make()
    driver.create_volume("v1", 2)
    driver.create_volume("v1", 2)
    with pytest.raises(base.AlreadyExists):
        driver.create_volume("v1", 3)
    info = driver.connect("v1", "a1", Connector(host="h"))
    assert info["driver_volume_type"] == "simulated" and info["data"]["access_mode"] == "rw"
    with pytest.raises(base.InUse):
        driver.delete_volume("v1")
    driver.extend_volume("v1", 4)
    assert driver.list_volumes()[0].size_bytes == 4 * GIB and driver.list_volumes()[0].connections == ("a1",)
    assert driver.stats().allocated_capacity_gb == 4
    driver.reconcile_exports({})
    assert driver.list_volumes()[0].connections == ("a1",)
    driver.reconcile_exports({}, min_age_s=0)
    driver.delete_volume("v1")
    driver.delete_volume("v1")
    assert driver.list_volumes() == []
    with pytest.raises(base.NotFound):
        driver.connect("v1", "a1", Connector(host="h"))


def test_content_goes_through_snapshots_and_clones():
    driver = make()
    driver.create_from_image("v1", 1, [b"abc" * 1000, b"\0" * 5_000_000, b"end"], "raw")
    driver.create_snapshot("s1", "v1")
    driver.clone_volume("v2", 1, "v1")
    driver.create_from_snapshot("v3", 2, "s1")
    content = b"abc" * 1000 + b"\0" * 5_000_000 + b"end"
    for name, size in (("v2", 1), ("v3", 2)):
        read, head = 0, b""
        for chunk in driver.read_image(name, "raw"):
            head += chunk if len(head) < len(content) else b""
            read += len(chunk)
        assert read == size * GIB and head[: len(content)] == content and not head[len(content) :].strip(b"\0")
    driver.delete_snapshot("s1")
    with pytest.raises(base.NotFound):
        driver.create_from_snapshot("v4", 2, "s1")
    driver.create_from_image("v5", 1, iter([b"anything"]), "qcow2")
    assert not any(chunk.strip(b"\0") for chunk in driver.read_image("v5", "raw"))
    with pytest.raises(base.ImageUnacceptable):
        next(driver.read_image("v5", "qcow2"))
    with pytest.raises(base.ImageUnacceptable, match="more than"):
        driver.create_from_image("v6", 0, [b"x"], "raw")


def test_limits_delays_and_failures():
    driver = make(capacity_gb=2, max_over_subscription_ratio=1.0, content_limit_mb=1)
    driver.create_volume("v1", 2)
    with pytest.raises(base.NoSpace):
        driver.create_volume("v2", 1)
    with pytest.raises(base.NoSpace):
        make(content_limit_mb=1).create_from_image("v3", 1, [b"x" * 2_100_000], "raw")
    with pytest.raises(base.BackendError, match="simulated failure of delete_volume"):
        make(fail_operations=["delete_volume"]).delete_volume("v1")
    with pytest.raises(base.BackendError):
        make(failure_rate=1.0).create_volume("v1", 1)
    with clock.frozen() as fake:
        make(delay_s=3.0).create_volume("v1", 1)
        assert fake.now_s == 1_700_000_003.0


def test_journal_remembers_over_restarts(tmp_path):
    path = str(tmp_path / "journal")
    first = make(journal_path=path)
    first.create_volume("v1", 1)
    first.create_volume("v2", 1)
    first.extend_volume("v1", 5)
    first.create_snapshot("s1", "v1")
    first.delete_volume("v2")
    with open(path, "a") as journal:
        journal.write('["volume", "v9"')
    for _ in range(2):
        again = make(journal_path=path)
        again.start()
        assert [(one.volume_id, one.size_bytes) for one in again.list_volumes()] == [("v1", 5 * GIB)]
        assert again.list_snapshots()[0].volume_id == "v1"


def test_factory_refuses_what_it_does_not_know():
    with pytest.raises(base.BackendError, match="names no known driver"):
        make("gold")
    assert make("gold", driver="simulated").name == "gold"


def test_capabilities_look_like_the_api():
    shown = make(volume_backend_name="sim").stats().capabilities()
    assert shown["pool_name"] == shown["volume_backend_name"] == "sim"
    assert shown["max_over_subscription_ratio"] == "20.0" and shown["backend_state"] == "up"
