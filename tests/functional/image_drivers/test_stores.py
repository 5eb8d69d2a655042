"""One conformance test for every image store, and what each has of its own."""

import hashlib
import http.server
import os
import threading
import tracemalloc

import pytest
from oslo_config import cfg

from services.image.drivers import base, load_stores, options
from services.image.drivers.inspect import ImageRejected, Inspector, inspected

IMAGE = "11111111-2222-4333-8444-555555555555"
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
            for key, value in settings.items():
                conf.set_override(key, value, group=name)
        else:
            conf.set_override("http_allowed_ports", [], group=name)
            conf.set_override("http_allowed_networks", ["127.0.0.0/8"], group=name)
    return conf


class Handler(http.server.SimpleHTTPRequestHandler):
    """A web server with byte ranges and one redirect."""

    ranges = True

    def do_GET(self):
        if self.path.startswith("/moved/"):
            self.send_response(302)
            self.send_header("Location", self.path.replace("/moved/", "/"))
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        path = self.translate_path(self.path)
        wanted = self.headers.get("Range")
        if not self.ranges or not wanted or not os.path.isfile(path):
            super().do_GET()
            return
        with open(path, "rb") as source:
            data = source.read()
        first, _, last = wanted.removeprefix("bytes=").partition("-")
        part = data[int(first) : int(last) + 1 if last else None]
        self.send_response(206 if part else 416)
        self.send_header("Content-Length", str(len(part)))
        self.end_headers()
        self.wfile.write(part)

    def log_message(self, *args):
        pass


@pytest.fixture
def web(tmp_path):
    handler = type("Bound", (Handler,), {"ranges": True})
    root = tmp_path / "www"
    root.mkdir()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), lambda *args: handler(*args, directory=str(root)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield root, f"http://127.0.0.1:{server.server_port}", handler
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(params=["file", "file-thin", "http", "http-without-ranges"])
def stored(request, tmp_path, web):
    """(store, location of DATA, location of nothing)."""
    stores = load_stores(configure(tmp_path, thin=request.param == "file-thin"))
    if request.param.startswith("file"):
        store = stores.by_name["file"]
        location = store.add(IMAGE, [DATA[at : at + 100_000] for at in range(0, len(DATA), 100_000)], len(DATA)).url
        return store, location, location[:-1] + "6"
    root, address, handler = web
    handler.ranges = request.param == "http"
    (root / "image").write_bytes(DATA)
    return stores.by_name["web"], f"{address}/image", f"{address}/nothing"


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
        for location in ("file:///etc/shadow", "ftp://x/y", "nonsense", "", "file://host/x"):
            with pytest.raises(base.BadLocation):
                store.get(location)

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
        assert not store.exists(location) and os.listdir(tmp_path / "file") == []

    def test_constant_memory(self, stored):
        store, location, _ = stored
        tracemalloc.start()
        if not store.read_only:
            store.add(IMAGE[:-1] + "7", (os.urandom(65536) for _ in range(500)))
        for _ in store.get(location):
            pass
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 4 * 1024 * 1024


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
