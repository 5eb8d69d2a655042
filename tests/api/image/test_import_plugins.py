"""What is done to imported data: unpacking, conversion by a real qemu-img, injected properties, in this order; and what a
conductor that dies in the middle leaves to the next one.
"""

import gzip
import io
import lzma
import os
import shutil
import struct
import subprocess
import zipfile

import pytest

from common.saga import Crash
from common.testing.api import Persona
from services.image.conductor import plugins, sources
from services.image.db.models import Saga
from tests.api.image.support import PROJECT, make_site, new

OCTETS = {"Content-Type": "application/octet-stream"}
ALL = ["image_decompression", "image_conversion", "inject_image_metadata"]
qemu = pytest.mark.skipif(shutil.which("qemu-img") is None, reason="qemu-img is missing (Debian: qemu-utils)")


def disk(folder, form, content=b"altostack" * 1000, options=()):
    """The bytes of a small disk in a format, whose beginning is `content`."""
    raw, made = folder / "in.raw", folder / f"in.{form}"
    raw.write_bytes(content + bytes((1 << 20) - len(content)))
    subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", {"vhd": "vpc"}.get(form, form), *options, raw, made], check=True)
    return made.read_bytes(), raw.read_bytes()


def zipped(*members, method=zipfile.ZIP_DEFLATED, comment=b""):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for n, data in enumerate(members):
            member = zipfile.ZipInfo(f"m{n}")
            member.compress_type, member.comment, member.extra = method, comment[:40_000], extra_of(comment[40_000:])
            archive.writestr(member, data)
    return out.getvalue()


def extra_of(data):
    """A field of a zip member's header that nobody knows."""
    return struct.pack("<HH", 0x7777, len(data) + 25_000) + data + bytes(25_000) if data else b""


def locked(archive):
    """The same archive, whose member says that it wants a password."""
    made = bytearray(archive)
    made[6] |= 1
    made[made.index(b"PK\1\2") + 8] |= 1
    return bytes(made)


def site_of(folder, wanted=ALL, role="member", **options):
    site = make_site(folder, import__plugins=wanted, **options)
    return site, site.client(Persona(role, PROJECT))


def import_(site, client, data, **values):
    image = new(client, **values)["id"]
    response = client.request("PUT", f"/v2/images/{image}/stage", data=data, headers=OCTETS)
    assert response.status_code == 204, response.text
    client.post(f"/v2/images/{image}/import", {"method": {"name": "glance-direct"}}, 202)
    site.work()
    return image


def why(client, image):
    return client.get(f"/v2/images/{image}/tasks")["tasks"][0]["message"]


def left(site):
    return os.listdir(site.state.staging.folder)


@qemu
@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress, zipped], ids=["gzip", "xz", "zip"])
def test_all_plugins_in_their_order(tmp_path, pack):
    site, member = site_of(tmp_path, import__inject={"os_distro": "debian", "hw_rng": "yes"})
    made, raw = disk(tmp_path, "qcow2")
    image = import_(site, member, pack(made), disk_format="qcow2", container_format="compressed")
    shown = member.get(f"/v2/images/{image}")
    assert (shown["status"], shown["container_format"], shown["disk_format"]) == ("active", "bare", "raw")
    assert (shown["os_distro"], shown["hw_rng"], shown["size"], shown["virtual_size"]) == ("debian", "yes", 1 << 20, 1 << 20)
    assert member.request("GET", f"/v2/images/{image}/file").data == raw and left(site) == []


@qemu
@pytest.mark.parametrize("form", ["qcow2", "vmdk", "vhd", "vhdx", "vdi"])
@pytest.mark.parametrize("wanted", ["raw", "qcow2"])
def test_conversions(tmp_path, form, wanted):
    site, member = site_of(tmp_path, ["image_conversion"], import__output_format=wanted)
    options = ("-o", "subformat=streamOptimized") if form == "vmdk" else ()
    made, raw = disk(tmp_path, form, options=options)
    image = import_(site, member, made, disk_format=form)
    shown = member.get(f"/v2/images/{image}")
    assert (shown["status"], shown["disk_format"]) == ("active", wanted), why(member, image)
    got = member.request("GET", f"/v2/images/{image}/file").data
    (tmp_path / "out").write_bytes(got)
    subprocess.run(["qemu-img", "convert", "-f", wanted, "-O", "raw", tmp_path / "out", tmp_path / "back"], check=True)
    back = (tmp_path / "back").read_bytes()  # a VHD's size is rounded up to whole cylinders
    assert back[: len(raw)] == raw and not any(back[len(raw):]) and left(site) == []


@qemu
def test_data_that_names_other_files_is_never_converted(tmp_path, monkeypatch):
    site, member = site_of(tmp_path, ["image_conversion"])
    secret = tmp_path / "secret"
    secret.write_bytes(b"s" * (1 << 20))
    subprocess.run(["qemu-img", "create", "-f", "qcow2", "-b", secret, "-F", "raw", tmp_path / "trap"], check=True,
                   capture_output=True)
    monkeypatch.setattr(plugins.process, "run", lambda *a, **k: pytest.fail("qemu-img saw it"))
    image = import_(site, member, (tmp_path / "trap").read_bytes(), disk_format="qcow2")
    assert member.get(f"/v2/images/{image}")["status"] == "queued" and "backing file" in why(member, image)
    trap = b'# Disk DescriptorFile\nversion=1\nRW 2048 FLAT "' + bytes(secret) + b'" 0\n'
    image = import_(site, member, trap, disk_format="vmdk")
    assert member.get(f"/v2/images/{image}")["status"] == "queued" and "descriptor" in why(member, image)


@pytest.mark.parametrize(("data", "words"), [
    (gzip.compress(os.urandom(9000))[:-4000], "broken"), (gzip.compress(b"x" * 99)[:10] + b"\xff" * 50, "broken"),
    (zipped(b"a", b"b"), "exactly one file"), (gzip.compress(bytes(9 << 20)), "more than the"),
    (zipped(bytes(9 << 20)), "more than the"), (lzma.compress(bytes(9 << 20)), "more than the"),
    (gzip.compress(b"a") * 3 + gzip.compress(bytes(9 << 20)), "more than the"), (lzma.compress(b"x" * 9000)[:60], "too early"),
    (b"PK\3\4" + bytes(500), "no zip file"), (locked(zipped(b"secret")), "password"),
    (zipped(b"x" * 99, method=zipfile.ZIP_LZMA), "not supported"), (zipped(b"x" * 99, method=zipfile.ZIP_BZIP2), "not supported"),
    (lzma.compress(b"x", filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 30}]), "emory"),
    (zipped(b"a", comment=b"x" * 70_000), "too long")],
    ids=["cut", "garbled", "two files", "bomb", "zip bomb", "xz bomb", "several streams", "cut xz", "no zip", "locked zip",
         "lzma zip", "bzip2 zip", "greedy xz", "long directory"])
def test_broken_archives_and_bombs(tmp_path, data, words):
    site, member = site_of(tmp_path, ["image_decompression"], image__size_max_bytes=8 << 20)
    image = import_(site, member, data, container_format="compressed")
    assert member.get(f"/v2/images/{image}")["status"] == "queued" and words in why(member, image)
    assert left(site) == [] and os.listdir(site.state.stores.default.folder) == []


def test_properties_are_injected_but_for_exempt_roles(tmp_path):
    site, member = site_of(tmp_path, ["inject_image_metadata"], import__inject={"a": "b"})
    assert member.get(f"/v2/images/{import_(site, member, b'x')}")["a"] == "b"
    admin = site.client(Persona("admin", PROJECT))
    assert "a" not in admin.get(f"/v2/images/{import_(site, admin, b'x')}")


def orphaned(site):
    with site.state.db.write() as session:
        session.query(Saga).update({"lease_until": None, "owner": None})


@qemu
@pytest.mark.parametrize("when", ["before unpacked data is in place", "before converted data is in place"])
def test_a_conductor_that_dies_while_it_changes_data(tmp_path, monkeypatch, when):
    site, member = site_of(tmp_path)
    made, raw = disk(tmp_path, "qcow2")
    real, suffix, died = plugins._finish, ".unpacked" if "unpacked" in when else ".raw", []

    def finish(what, path):
        if what.endswith(suffix) and os.path.exists(what) and not died:
            died.append(what)
            raise Crash(what)
        real(what, path)

    monkeypatch.setattr(plugins, "_finish", finish)
    with pytest.raises(Crash):
        import_(site, member, gzip.compress(made), disk_format="qcow2", container_format="compressed")
    orphaned(site)
    site.work()
    shown = member.get("/v2/images")["images"][0]
    assert (shown["status"], shown["disk_format"], shown["container_format"]) == ("active", "raw", "bare")
    assert died and member.request("GET", shown["file"]).data == raw and left(site) == []


def test_a_conductor_that_dies_while_it_downloads(tmp_path, monkeypatch):
    site, member = site_of(tmp_path, [])
    begun = []

    class Answer:
        status = 200

    def chunks(answer):
        begun.append(answer)
        yield b"first half "
        if len(begun) == 1:
            raise Crash("killed")
        yield b"second half"

    monkeypatch.setattr(sources.fetch, "request", lambda *a, **k: Answer())
    monkeypatch.setattr(sources.fetch, "chunks", chunks)
    image = new(member)["id"]
    member.post(f"/v2/images/{image}/import", {"method": {"name": "web-download", "uri": "http://93.184.216.34/x"}}, 202)
    with pytest.raises(Crash):
        site.work()
    assert member.get(f"/v2/images/{image}")["status"] == "importing"
    orphaned(site)
    site.work()
    assert member.request("GET", f"/v2/images/{image}/file").data == b"first half second half"
    assert len(begun) == 2 and left(site) == []


@pytest.mark.parametrize("must", [True, False])
def test_a_store_that_fails_among_several(tmp_path, monkeypatch, must):
    site, member = site_of(tmp_path, [])
    from services.image.drivers.base import StoreFull

    def full(*_):
        raise StoreFull("no room")

    monkeypatch.setattr(site.state.stores.by_name["second"], "add", full)
    image = new(member)["id"]
    member.request("PUT", f"/v2/images/{image}/stage", data=b"x", headers=OCTETS)
    member.post(f"/v2/images/{image}/import", {"method": {"name": "glance-direct"}, "all_stores": True,
                                               "all_stores_must_succeed": must}, 202)
    site.work()
    shown = member.get(f"/v2/images/{image}")
    assert shown["os_glance_importing_to_stores"] == ""
    if must:
        assert (shown["status"], "stores" in shown) == ("queued", False) and "no room" in why(member, image)
        assert os.listdir(site.state.stores.default.folder) == []
    else:
        assert (shown["status"], shown["stores"], shown["os_glance_failed_import"]) == ("active", "file", "second")
