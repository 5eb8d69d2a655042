"""Format inspection: real images of qemu-img, hostile ones made by hand, and noise."""

import os
import shutil
import struct
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.image.drivers.inspect import ImageRejected, Inspector, inspected

MIB = 1024 * 1024
QEMU = {"vhd": "vpc"}
needs_qemu = pytest.mark.skipif(not shutil.which("qemu-img"), reason="qemu-img is not installed")


def feed(data, declared, step=65536, **options):
    inspector = Inspector(declared, **options)
    for at in range(0, len(data), step):
        inspector.feed(data[at : at + step])
    inspector.finish()
    return inspector


def qemu_image(folder, disk_format, *options, size="10M"):
    path = os.path.join(folder, "image")
    more = [part for option in options for part in ("-o", option)]
    subprocess.run(["qemu-img", "create", "-q", "-f", QEMU.get(disk_format, disk_format), *more, path, size], check=True)
    if not any("subformat" in option or "preallocation" in option for option in options):
        subprocess.run(
            ["qemu-io", "-f", QEMU.get(disk_format, disk_format), "-c", "write -P 7 1M 1M", path],
            check=True, stdout=subprocess.DEVNULL,
        )
    with open(path, "rb") as image:
        return image.read()


REAL = [
    ("qcow2", ()), ("qcow2", ("compat=0.10",)), ("qcow2", ("cluster_size=512",)), ("qcow2", ("compression_type=zstd",)),
    ("qcow2", ("extended_l2=on",)), ("vmdk", ()), ("vmdk", ("subformat=streamOptimized",)), ("vhd", ("force_size=on",)),
    ("vhd", ("subformat=fixed,force_size=on",)), ("vhdx", ()), ("vhdx", ("subformat=fixed",)), ("vdi", ()),
    ("raw", ()),
]


@needs_qemu
@pytest.mark.parametrize(("disk_format", "options"), REAL)
@pytest.mark.parametrize("step", [1000, 65536, 1 << 30])
def test_real_images_are_what_they_are(tmp_path, disk_format, options, step):
    data = qemu_image(tmp_path, disk_format, *options)
    for declared in (disk_format, None):
        inspector = feed(data, declared, step)
        assert (inspector.format, inspector.violations) == (disk_format, [])
        assert inspector.virtual_size == 10 * MIB and inspector.size_bytes == len(data)
    with pytest.raises(ImageRejected, match="more than"):
        feed(data, disk_format, step, max_virtual_size_bytes=10 * MIB - 1)
    if disk_format != "raw":
        # A fixed VHD is a raw disk with a trailer: only a declaration makes it one.
        if "subformat=fixed,force_size=on" not in options:
            with pytest.raises(ImageRejected, match="disk_format raw does not match stream data"):
                feed(data, "raw", step)
        with pytest.raises(ImageRejected):
            feed(data, "qcow2" if disk_format != "qcow2" else "vmdk", step)


@needs_qemu
@pytest.mark.parametrize("option", ["subformat=monolithicFlat", "subformat=twoGbMaxExtentSparse", "subformat=twoGbMaxExtentFlat"])
def test_vmdk_of_several_files_is_refused(tmp_path, option):
    data = qemu_image(tmp_path, "vmdk", option)
    with pytest.raises(ImageRejected):
        feed(data, "vmdk")


@needs_qemu
def test_backing_and_data_files_are_refused(tmp_path):
    base, path = str(tmp_path / "base"), str(tmp_path / "image")
    cases = {
        "qcow2": ["-f", "qcow2", "-F", "raw", "-b", base],
        "vmdk": ["-f", "vmdk", "-F", "vmdk", "-b", base],
        "qed": ["-f", "qed", "-F", "raw", "-b", base],
    }
    for declared, args in cases.items():
        subprocess.run(["qemu-img", "create", "-q", "-f", "vmdk" if declared == "vmdk" else "raw", base, "10M"], check=True)
        subprocess.run(["qemu-img", "create", "-q", *args, path], check=True)
        with open(path, "rb") as image:
            data = image.read()
        with pytest.raises(ImageRejected):
            feed(data, declared)
        assert feed(data, declared, enforce=False).violations
    command = ["qemu-img", "create", "-q", "-f", "qcow2", "-o", f"data_file={tmp_path}/data,data_file_raw=on", path, "10M"]
    subprocess.run(command, check=True)
    with open(path, "rb") as image, pytest.raises(ImageRejected, match="external data file"):
        feed(image.read(), "qcow2")


def qcow2_header(version=3, backing=0, size=MIB, features=0, length=104, bits=16, tail=b"\0" * 8):
    head = struct.pack(">4sIQIIQIIQQIIQ", b"QFI\xfb", version, backing, 0, bits, size, 0, 1, 0, 0, 0, 0, 0)
    return (head + struct.pack(">QQQII", features, 0, 0, 4, length) + tail).ljust(65536, b"\0")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"backing": 200}, "backing file"), ({"features": 4}, "external data file"), ({"features": 1 << 40}, "unknown"),
        ({"version": 1}, "version 1"), ({"version": 4}, "version 4"),
        ({"length": 50}, "header length"), ({"bits": 40}, "cluster"),
        ({"tail": struct.pack(">II", 0x44415441, 8) + b"/etc/shd"}, "names an external data file"),
        ({"tail": struct.pack(">II", 0x12345678, 0xFFFFFFF0)}, "too long"),
        ({"tail": struct.pack(">II", 0x12345678, 0) * 70}, "too many"),
    ],
)
def test_hostile_qcow2(changes, why):
    with pytest.raises(ImageRejected, match=why):
        feed(qcow2_header(**changes), "qcow2")
    assert feed(qcow2_header(), "qcow2").virtual_size == MIB


GOOD_DESCRIPTOR = '# Disk DescriptorFile\nversion=1\nCID=1\nparentCID=ffffffff\ncreateType="{kind}"\n{extents}\n{more}\n'


def vmdk_image(kind="monolithicSparse", extents='RW 2048 SPARSE "x.vmdk"', more="", sectors=2048, desc_at=1, length=20):
    head = struct.pack("<4sIIQQQQIQQQ", b"KDMV", 1, 3, sectors, 128, desc_at, length, 512, 0, 21, 128) + b"\0\n \r\n\0\0"
    text = GOOD_DESCRIPTOR.format(kind=kind, extents=extents, more=more).encode()
    return head.ljust(desc_at * 512, b"\0") + text.ljust(20 * 512, b"\0") + b"\0" * 65536


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"kind": "monolithicFlat"}, "type monolithicFlat"), ({"kind": "custom"}, "type custom"),
        ({"extents": 'RW 2048 FLAT "/etc/shadow" 0'}, "not a sparse"),
        ({"extents": 'RW 2048 SPARSE "/etc/shadow"'}, "another file"),
        ({"extents": 'RW 2048 SPARSE "json:{}"'}, "another file"), ({"extents": ""}, "0 extents"),
        ({"extents": 'RW 1024 SPARSE "a"\nrw 1024 SPARSE "b"'}, "2 extents"), ({"sectors": 0}, "no capacity"),
        ({"sectors": 4096}, "differs in size"), ({"more": 'parentFileNameHint="/etc/shadow"'}, "parent"),
        ({"more": "parentCID=12345678"}, "parent"), ({"more": 'createType="custom"'}, "type"),
        ({"more": "what is this"}, "understood"),
        ({"more": "\0RW 5 FLAT"}, "after its end"), ({"length": 1 << 40}, "odd size"), ({"length": 0}, "no embedded"),
        ({"desc_at": 400}, "out of place"), ({"more": "#" * 20000, "length": 20}, "does not end"),
        ({"more": '# parentFileNameHint="/etc/shadow"'}, "parent"), ({"length": 1, "more": "#" * 1000}, "does not end"),
    ],
)
def test_hostile_vmdk(changes, why):
    with pytest.raises(ImageRejected, match=why):
        feed(vmdk_image(**changes), "vmdk")
    assert feed(vmdk_image(), "vmdk").virtual_size == MIB


def test_text_descriptors_and_polyglots_are_refused():
    text = GOOD_DESCRIPTOR.format(kind="monolithicFlat", extents='RW 1 FLAT "/etc/shadow" 0', more="").encode()
    for declared in ("vmdk", "raw", None):
        with pytest.raises(ImageRejected):
            feed(text, declared)
    both = bytearray(qcow2_header())
    both[32769:32774] = b"CD001"
    for declared in ("qcow2", "iso", None):
        with pytest.raises(ImageRejected, match="at once"):
            feed(bytes(both), declared)


@pytest.mark.skipif(not shutil.which("xorriso"), reason="xorriso is not installed")
def test_iso_also_with_a_partition_table(tmp_path):
    (tmp_path / "file").write_bytes(b"hello" * 1000)
    image = str(tmp_path / "image.iso")
    subprocess.run(["xorriso", "-as", "mkisofs", "-quiet", "-o", image, str(tmp_path / "file")], check=True, capture_output=True)
    with open(image, "rb") as stored:
        data = stored.read()
    assert feed(data, "iso").format == "iso" and feed(data, "iso").virtual_size == len(data)
    with pytest.raises(ImageRejected, match="the image is iso, not raw"):
        feed(data, "raw")


def test_disks_with_partition_tables_and_luks_are_raw_disks():
    mbr = bytearray(MIB)
    mbr[446:462], mbr[510:512] = bytes([0x80, 1, 1, 0, 0x83]) + bytes(11), b"\x55\xaa"
    gpt = bytearray(mbr)
    gpt[450], gpt[512:520] = 0xEE, b"EFI PART"
    for data, name in ((mbr, "mbr"), (gpt, "gpt"), (b"LUKS\xba\xbe".ljust(MIB, b"\0"), "luks"), (b"", "raw"), (b"x", "raw")):
        assert feed(bytes(data), "raw").format == name
        assert feed(bytes(data), name).virtual_size == len(data)
    with pytest.raises(ImageRejected):
        feed(bytes(MIB), "gpt")
    with pytest.raises(ImageRejected):
        feed(b"a kernel", "unheard-of")


@pytest.mark.parametrize("declared", ["qcow2", "vmdk", "vhd", "vhdx", "vdi", "iso"])
def test_empty_or_short_is_refused(declared):
    for data in (b"", b"QFI\xfb", b"KDMV", b"conectix", b"vhdxfile", bytes(64) + b"\x7f\x10\xda\xbe"):
        with pytest.raises(ImageRejected):
            feed(data, declared)


def test_nothing_is_passed_on_after_a_violation():
    passed = []
    with pytest.raises(ImageRejected):
        for chunk in inspected(iter([qcow2_header(backing=5), b"more"]), Inspector("qcow2")):
            passed.append(chunk)
    assert passed == []


MAGICS = [
    b"QFI\xfb\0\0\0\3", b"KDMV\1\0\0\0", b"conectix", b"vhdxfile", b"QED\0", b"# Disk DescriptorFile\n",
    bytes(64) + b"\x7f\x10\xda\xbe", b"",
]


@settings(max_examples=300, deadline=None)
@given(
    magic=st.sampled_from(MAGICS), noise=st.binary(max_size=3000), repeat=st.integers(1, 60), step=st.integers(1, 70000),
    declared=st.sampled_from(["qcow2", "vmdk", "vhd", "vhdx", "vdi", "raw", "iso", None]), enforce=st.booleans(),
)
def test_noise_raises_nothing_but_a_refusal(magic, noise, repeat, step, declared, enforce):
    data = magic + noise * repeat
    try:
        feed(data, declared, max(step, len(data) // 50 + 1), enforce=enforce)
    except ImageRejected:
        assert enforce


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    if not shutil.which("qemu-img"):
        pytest.skip("qemu-img is not installed")
    names = ["qcow2", "vmdk", "vhd", "vhdx", "vdi"]
    return {name: qemu_image(tmp_path_factory.mktemp(name), name, size="4M")[: 4 * MIB] for name in names}


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_damaged_headers_raise_nothing_but_a_refusal(samples, data):
    name = data.draw(st.sampled_from(sorted(samples)))
    image = bytearray(samples[name])
    span = data.draw(st.sampled_from([1024, 70000, 300_000]))
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(0, min(span, len(image)) - 9))
        image[at : at + 8] = data.draw(st.binary(min_size=8, max_size=8))
    outcomes = []
    for step in (4096, 1 << 30):
        try:
            found = feed(bytes(image), name, step)
            outcomes.append((found.format, found.virtual_size))
        except ImageRejected as e:
            outcomes.append(str(e).split(";")[0])
    # However the stream is cut, the answer is the same.
    assert outcomes[0] == outcomes[1]
