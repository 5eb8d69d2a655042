"""Pure decisions: host names, passwords, disks, devices, networks in metadata, usage, keys."""

import datetime
from types import SimpleNamespace

import pytest

from common import errors
from services.compute.domain import attachments, block_devices, keypairs, metadata, server_create, usage, zones

FLAVOR = {"memory_mb": 512, "root_gb": 1, "ephemeral_gb": 2, "swap": 64}


@pytest.mark.parametrize(
    "name,hostname",
    [("Web One", "web-one"), ("a_b.c", "a-b-c"), ("ünï", "n"), ("---", "Server-id"), ("x" * 80, "x" * 63), ("-a-", "a")],
)
def test_hostname(name, hostname):
    assert server_create.hostname_of(name, "id") == hostname


def test_password_has_all_kinds():
    text = server_create.password(12)
    assert (
        len(text) == 12 and any(c.isdigit() for c in text) and any(c.isupper() for c in text) and any(c.islower() for c in text)
    )


@pytest.mark.parametrize(
    "image,text",
    [
        ({"status": "queued"}, "is not active"),
        ({"min_ram": 1024}, "memory is too small"),
        ({"size": 2 << 30}, "disk is too small"),
        ({"min_disk": 5}, "smaller than the minimum"),
    ],
)
def test_image_that_does_not_fit(image, text):
    with pytest.raises(errors.BadRequest, match=text):
        server_create.check_image({"id": "i", **image}, FLAVOR, from_volume=False)


def test_the_image_becomes_the_root_disk():
    rows = block_devices.read(None, [{"source_type": "blank", "destination_type": "local", "volume_size": 1}], "img")
    assert [(r["source"], r["destination"], r["boot_index"]) for r in rows] == [("image", "local", 0), ("blank", "local", None)]
    same = block_devices.read(
        None, [{"source_type": "image", "uuid": "img", "boot_index": 0, "destination_type": "local"}], "img"
    )
    assert len(same) == 1


@pytest.mark.parametrize(
    "v1,v2,image,text",
    [
        (None, [{"source_type": "volume", "uuid": "v"}], None, "Boot sequence"),
        (None, [{"source_type": "image", "uuid": "other", "boot_index": 0}], "img", "Boot sequence"),
        (None, [{"source_type": "volume", "uuid": "v", "boot_index": 2}], "img", "Boot sequence"),
        (None, [{"source_type": "volume"}], "img", "Missing device UUID"),
        (None, [{"uuid": "x"}], "img", "source_type are required"),
        (None, [{"source_type": "image", "uuid": "i", "destination_type": "volume"}], "img", "non-zero size"),
        (None, [{"source_type": "volume", "uuid": "v", "destination_type": "local"}], "img", "not supported"),
        ([{"volume_id": "v"}], [{"source_type": "blank"}], "img", "different block_device_mapping syntaxes"),
        ([{"device_name": "vdb"}], None, "img", "Unrecognized legacy format"),
    ],
)
def test_disks_that_do_not_fit(v1, v2, image, text):
    with pytest.raises(errors.BadRequest, match=text):
        block_devices.read(v1, v2, image)


def test_local_disks_stay_within_the_flavor():
    def rows(**values):
        return [{"source": "blank", "destination": "local", "guest_format": None, "volume_size": None, **values}]

    block_devices.check_local(rows(volume_size=2), FLAVOR, 3)
    with pytest.raises(errors.BadRequest, match="Ephemeral disks"):
        block_devices.check_local(rows(volume_size=3), FLAVOR, 3)
    with pytest.raises(errors.BadRequest, match="Swap drive"):
        block_devices.check_local(rows(volume_size=65, guest_format="swap"), FLAVOR, 3)
    with pytest.raises(errors.BadRequest, match="more local devices"):
        block_devices.check_local(rows(volume_size=1) * 4, {**FLAVOR, "ephemeral_gb": 9}, 3)


def test_next_device():
    def disk(name, index=None):
        return SimpleNamespace(device_name=name, boot_index=index)

    assert attachments.next_device([disk(None, 0)], None) == "/dev/vdb"
    assert attachments.next_device([disk("/dev/vda", 0), disk("/dev/vdb"), disk(None)], None) == "/dev/vdd"
    assert attachments.next_device([], "vdx") == "/dev/vdx"
    with pytest.raises(errors.Conflict):
        attachments.next_device([disk("/dev/vdb")], "/dev/vdb")


def test_devices_of_disks_that_have_no_name_yet():
    def disk(name, index=None):
        return SimpleNamespace(id=f"{name}{index}", device_name=name, boot_index=index)

    disks = [disk(None, 0), disk(None, 1), disk("/dev/vdb"), disk(None, -1)]
    assert [attachments.device_of(d, disks) for d in disks] == ["/dev/vda", "/dev/vdc", "/dev/vdb", "/dev/vdd"]
    many = [disk(None, n) for n in range(1, 27)]
    assert attachments.device_of(many[-1], many) is None


def test_network_data_of_dhcp_and_static_subnets():
    nic = SimpleNamespace(
        port_id="abcdefgh-1234",
        mac="fa:16:3e:00:00:01",
        mtu=1450,
        network_id="n",
        addresses=[
            {"addr": "10.0.0.5", "version": 4, "type": "fixed", "subnet_id": "a"},
            {"addr": "fd00::5", "version": 6, "type": "fixed", "subnet_id": "b"},
            {"addr": "1.1.1.1", "version": 4, "type": "floating"},
        ],
        subnets=[
            {"id": "a", "cidr": "10.0.0.0/22", "gateway": "10.0.0.1", "version": 4, "dns": ["9.9.9.9"], "dhcp": True},
            {
                "id": "b",
                "cidr": "fd00::/64",
                "gateway": "fd00::1",
                "version": 6,
                "dhcp": False,
                "routes": [{"destination": "fd01::/48", "nexthop": "fd00::2"}],
            },
        ],
    )
    made = metadata.network_data([nic])
    assert [n["type"] for n in made["networks"]] == ["ipv4_dhcp", "ipv6"]
    assert made["networks"][1]["netmask"] == "ffff:ffff:ffff:ffff::" and made["networks"][1]["routes"][1]["gateway"] == "fd00::2"
    assert made["links"][0]["id"] == "tapabcdefgh-12"


def test_usage_counts_hours_within_the_span():
    start, end = datetime.datetime(2026, 1, 1), datetime.datetime(2026, 1, 2)
    row = SimpleNamespace(
        id="s",
        name="n",
        project_id="p",
        flavor={"name": "f"},
        memory_mb=100,
        vcpus=2,
        root_gb=1,
        ephemeral_gb=1,
        vm_state="active",
        launched_at=datetime.datetime(2025, 12, 31),
        terminated_at=datetime.datetime(2026, 1, 1, 6),
    )
    made = usage.projects([row], start, end, detailed=False)[0]
    assert (made["total_hours"], made["total_vcpus_usage"], made["total_local_gb_usage"]) == (6, 12, 12)
    assert "server_usages" not in made


def test_zone_text():
    assert zones.parse("nova", may_force=False) == ("nova", None, None)
    assert zones.parse("nova:h:n", may_force=True) == ("nova", "h", "n")
    assert zones.parse(":h", may_force=True) == (None, "h", None)
    with pytest.raises(errors.Forbidden):
        zones.parse("nova:h", may_force=False)
    with pytest.raises(errors.BadRequest):
        zones.parse("a:b:c:d", may_force=True)


def test_fingerprints():
    _, line, fingerprint = keypairs.make_ssh()
    assert keypairs.ssh_fingerprint(line) == fingerprint and len(fingerprint) == 47
    ed25519 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHIRhUNkBBvzyLnPE8rqbuVTSCMRqKrzhDGsjpYKzqhW me"
    assert len(keypairs.ssh_fingerprint(ed25519)) == 47
    for text in ("", "ssh-rsa", "ssh-rsa AAAA", "nonsense x y", ed25519.replace("ssh-ed25519", "ssh-rsa")):
        with pytest.raises(errors.BadRequest):
            keypairs.ssh_fingerprint(text)
