"""One conformance test for every image store, and what each has of its own."""

import hashlib
import os
import tracemalloc

import pytest
from oslo_config import cfg

from services.image.drivers import base, load_stores, options
from services.image.drivers.inspect import ImageRejected, Inspector, inspected
from tests.functional.image_drivers.ceph import POOL

IMAGE, OTHER = "11111111-2222-4333-8444-555555555555", "11111111-2222-4333-8444-555555555556"
DATA = bytes(range(256)) * 4096 + b"\0" * 700_000 + b"end"


def configure(folder, entries=("file", "web:http"), **settings):
    conf = cfg.ConfigOpts()
    conf([], project="altostack-test", default_config_files=[])
    conf.register_opts(options.STORES)
    conf.set_override("enabled_stores", list(entries))
    options.register(conf)
    for entry in entries:
        name, driver = options.split(entry)
        if driver == "file":
            conf.set_override("images_dir", str(folder / name), group=name)
        if driver != "http":
            for key, value in settings.items():
                conf.set_override(key, value, group=name)
        else:
            conf.set_override("http_allowed_ports", [], group=name)
            conf.set_override("http_allowed_networks", ["127.0.0.0/8"], group=name)
    return conf


@pytest.fixture(params=["file", "file-thin", "rbd", "rbd-thin", "s3", "http", "http-without-ranges"])
def stored(request, tmp_path, web):
    """(store, location of DATA, location of nothing)."""
    kind = request.param.partition("-")[0]
    if kind != "http":
        store = writable(request, tmp_path, kind, thin=request.param.endswith("-thin"))
        location = store.add(IMAGE, [DATA[at : at + 100_000] for at in range(0, len(DATA), 100_000)], len(DATA)).url
        yield store, location, location.replace(IMAGE, OTHER)
        if store.exists(location):
            store.delete(location)
        return
    stores = load_stores(configure(tmp_path))
    root, address, handler = web
    handler.ranges = request.param == "http"
    (root / "image").write_bytes(DATA)
    yield stores.by_name["web"], f"{address}/image", f"{address}/nothing"


def writable(request, folder, kind, *, thin=False, **settings):
    """A store of a kind; the real server behind it is started when it is needed."""
    if kind == "file":
        return load_stores(configure(folder, [kind], thin=thin, **settings)).default
    ceph = request.getfixturevalue("ceph")
    if kind == "rbd":
        settings |= {"rbd_ceph_conf": ceph.conf, "rbd_pool": POOL, "rbd_thin": thin}
    else:
        pytest.importorskip("boto3")
        settings |= {"s3_part_mib": 5, **ceph.s3}
    return load_stores(configure(folder, [kind], **settings)).default


class TestEveryStore:
    """What `Store` promises."""

    def test_reads_what_was_stored(self, stored):
        store, location, _ = stored
        assert isinstance(store, base.Store)
        assert b"".join(store.get(location)) == DATA
        assert store.size(location) == len(DATA) and store.exists(location)

    @pytest.mark.parametrize(
        ("offset", "length"),
        [(0, 1), (5, 300_000), (len(DATA) - 3, 10), (len(DATA), 5), (len(DATA) + 9, None), (7, 0), (9, None)],
    )
    def test_ranges(self, stored, offset, length):
        store, location, _ = stored
        expected = DATA[offset:] if length is None else DATA[offset : offset + length]
        assert b"".join(store.get(location, offset, length)) == expected

    def test_nothing_is_not_found(self, stored):
        store, _, nothing = stored
        assert not store.exists(nothing)
        for call in (store.get, store.size):
            with pytest.raises(base.NotFound):
                call(nothing)
        with pytest.raises(base.StoreDenied if store.read_only else base.NotFound):
            store.delete(nothing)

    def test_foreign_locations_are_refused(self, stored):
        store, _, _ = stored
        for location in ("file:///etc/shadow", "ftp://x/y", "nonsense", "", "file://host/x", "rbd://a/b/c/d", "rbd:///etc",
                         "s3://other/bucket/x", "s3+https://x", "rbd://a/images/../snap"):
            for call in (store.get, store.delete):
                with pytest.raises((base.BadLocation, base.StoreDenied) if store.read_only else base.BadLocation):
                    call(location)

    def test_adding_and_deleting(self, stored):
        store, location, _ = stored
        if store.read_only:
            with pytest.raises(base.StoreDenied):
                store.add(IMAGE, [b"x"])
            return
        with pytest.raises(base.Duplicate):
            store.add(IMAGE, [b"other"])
        store.delete(location)
        assert not store.exists(location)
        again = store.add(IMAGE, iter([b"a", b"", b"bc"]))
        assert (again.size_bytes, again.checksum_md5) == (3, hashlib.md5(b"abc").hexdigest())
        assert (again.hash_algo, again.hash_value) == ("sha512", hashlib.sha512(b"abc").hexdigest())
        assert b"".join(store.get(again.url)) == b"abc"

    def test_a_broken_stream_leaves_nothing(self, stored, tmp_path):
        store, location, _ = stored
        if store.read_only:
            return

        def broken():
            yield b"first part"
            raise ConnectionResetError("gone")

        store.delete(location)
        with pytest.raises(ConnectionResetError):
            store.add(IMAGE, broken())
        with pytest.raises(ImageRejected):
            store.add(IMAGE, inspected(iter([DATA]), Inspector("qcow2")))
        with pytest.raises(base.TooLarge):
            store.add(IMAGE, base.limited(iter([b"1234", b"5678"]), 7))

        def broken_late():
            for _ in range(17):
                yield os.urandom(1 << 20)
            raise ConnectionResetError("gone after many parts")

        for hint in (None, 20 << 20):
            with pytest.raises(ConnectionResetError):
                store.add(IMAGE, broken_late(), hint)
        assert not store.exists(location)
        assert nothing_left(store)

    def test_constant_memory(self, stored):
        store, location, _ = stored
        tracemalloc.start()
        written = None
        if not store.read_only:
            written = store.add(OTHER, (bytes([n % 256]) * 65536 for n in range(1200))).url
        for _ in store.get(written or location):
            pass
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        if written:
            store.delete(written)
        piece = {"rbd": store.__dict__.get("chunk_bytes"), "s3": 5 << 20}.get(store.scheme, 1 << 18)
        assert peak < 3.5 * piece + (4 << 20)

    @pytest.mark.parametrize("hint", [None, 1, 13_000_000, 40_000_000])
    def test_sizes_that_nobody_knew(self, stored, hint):
        store, location, _ = stored
        if store.read_only:
            return
        data = [os.urandom(1_000_003) for _ in range(13)]
        made = store.add(OTHER, iter(data), hint)
        assert made.size_bytes == store.size(made.url) == 13_000_039
        assert b"".join(store.get(made.url)) == b"".join(data)
        assert b"".join(store.get(made.url, 8_388_607, 3)) == b"".join(data)[8_388_607:8_388_610]
        store.delete(made.url)

    def test_an_image_of_no_bytes(self, stored):
        store, *_ = stored
        if not store.read_only:
            made = store.add(OTHER, iter(()))
            assert store.size(made.url) == 0 and b"".join(store.get(made.url)) == b""
            store.delete(made.url)


def nothing_left(store):
    """Whether the store holds nothing at all, partial things neither."""
    if store.scheme == "file":
        return os.listdir(store.folder) == []
    if store.scheme == "rbd":
        import rbd

        with store._connected().open_ioctx(store.pool) as pool:
            return rbd.RBD().list(pool) == []
    client = store._client()
    return not client.list_objects_v2(Bucket="images").get("Contents") and \
        not client.list_multipart_uploads(Bucket="images").get("Uploads")


def test_file_store_is_atomic_and_private(tmp_path):
    store = load_stores(configure(tmp_path, ["file"])).default
    for image_id in ("../escape", "a/b", "", ".partial-x", "a\0b"):
        with pytest.raises(base.BadLocation):
            store.add(image_id, [b"x"])
    with pytest.raises(base.BadLocation):
        store.get(f"file://{tmp_path}/file/../secret")

    def racing():
        yield b"slow"
        store.add(IMAGE, [b"fast"])

    with pytest.raises(base.Duplicate):
        store.add(IMAGE, racing())
    assert b"".join(store.get(f"file://{tmp_path}/file/{IMAGE}")) == b"fast"
    with pytest.raises(base.StoreFull):
        store.add("huge", [b"x"], 1 << 60)
    for other in (IMAGE, OTHER):
        (tmp_path / "file" / f".partial-{other}-died").write_bytes(b"x")
    store.clear_partial(OTHER)
    assert sorted(os.listdir(tmp_path / "file")) == [f".partial-{IMAGE}-died", IMAGE]
    store.clear_partial(IMAGE)
    (tmp_path / "file" / ".partial-old").write_bytes(b"x")
    os.utime(tmp_path / "file" / ".partial-old", (1, 1))
    store.start()
    assert os.listdir(tmp_path / "file") == [IMAGE]


def test_thin_file_has_holes(tmp_path):
    store = load_stores(configure(tmp_path, ["file"], thin=True)).default
    location = store.add(IMAGE, [bytes(262144)] * 40 + [b"x"] + [bytes(262144)] * 4).url
    status = os.stat(store.local_path(location))
    assert status.st_size == 262144 * 44 + 1 and status.st_blocks * 512 < 2_000_000


def test_http_follows_redirects_and_says_what_is_wrong(tmp_path, web):
    root, address, _ = web
    (root / "image").write_bytes(DATA)
    store = load_stores(configure(tmp_path)).by_name["web"]
    assert b"".join(store.get(f"{address}/moved/image")) == DATA
    with pytest.raises(base.StoreError, match="cannot be reached"):
        store.get("http://127.0.0.1:9/x")


def test_stores_are_found_by_location(tmp_path):
    stores = load_stores(configure(tmp_path, ["fast:file", "web:http"]))
    assert stores.default.name == "fast"
    assert stores.of("https://x/y").name == "web" and stores.of("file:///x").name == "fast"
    with pytest.raises(base.BadLocation):
        stores.of("s3://x/y")
    with pytest.raises(base.StoreError, match="default_store"):
        load_stores(configure(tmp_path, ["web:http"]))
    with pytest.raises(base.StoreError, match="no known driver"):
        load_stores(configure(tmp_path, ["tape"]))


def test_rbd_images_can_be_cloned_and_go_with_their_last_clone(request, tmp_path, ceph):
    import rbd

    store = writable(request, tmp_path, "rbd")
    location = store.add(IMAGE, [DATA]).url
    assert location == f"rbd://{ceph.fsid}/{POOL}/{IMAGE}/snap"
    with store._connected().open_ioctx(POOL) as pool:
        with rbd.Image(pool, IMAGE) as image:
            assert image.is_protected_snap("snap") and image.size() == len(DATA)
        rbd.RBD().clone(pool, IMAGE, "snap", pool, "volume-1")
        with pytest.raises(base.InUse):
            store.delete(location)
        with rbd.Image(pool, IMAGE) as image:
            assert image.is_protected_snap("snap")
        rbd.RBD().remove(pool, "volume-1")
    store.delete(location)
    assert nothing_left(store)


def test_rbd_says_what_is_wrong(request, tmp_path, ceph):
    store = load_stores(configure(tmp_path, ["rbd"], rbd_ceph_conf=ceph.conf, rbd_pool="no-such-pool")).default
    with pytest.raises(base.StoreError, match="no pool no-such-pool"):
        store.add(IMAGE, [b"x"])
    nobody = load_stores(configure(tmp_path, ["rbd"], rbd_ceph_conf=ceph.conf, rbd_user="nobody")).default
    with pytest.raises(base.StoreError, match="does not answer"):
        nobody.add(IMAGE, [b"x"])
    with pytest.raises(base.StoreDenied, match="cannot be read"):
        load_stores(configure(tmp_path, ["rbd"], rbd_ceph_conf="/nowhere"))
    with pytest.raises(base.StoreFull):
        writable(request, tmp_path, "rbd").add(IMAGE, [b"x"], 1 << 60)


def test_s3_checks_keys_and_leaves_no_parts(request, tmp_path, ceph):
    wrong = load_stores(configure(tmp_path, ["s3"], **{**ceph.s3, "s3_secret_key": "wrong"})).default
    with pytest.raises(base.StoreDenied, match="SignatureDoesNotMatch"):
        wrong.add(IMAGE, [b"x"])
    away = load_stores(configure(tmp_path, ["s3"], **{**ceph.s3, "s3_endpoint": "http://127.0.0.1:9"})).default
    with pytest.raises(base.StoreError, match="cannot be used"):
        away.add(IMAGE, [b"x"])
    store = writable(request, tmp_path, "s3")
    assert ceph.s3["s3_secret_key"] not in store.location(IMAGE)
    store.add("first", [b"x"])
    store.delete(store.location("first"))
    store._client().create_multipart_upload(Bucket="images", Key=IMAGE)
    store.clear_partial(OTHER)
    assert not nothing_left(store)
    store.clear_partial(IMAGE)
    assert nothing_left(store)
