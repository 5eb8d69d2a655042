"""The metadata API: who may read, both forms, the password once."""

import base64

import pytest
from werkzeug.test import Client

from services.compute.api.metadata_app import make_app
from services.compute.db import server_parts
from services.compute.domain.metadata_service import signature


@pytest.fixture
def guest(cloud):
    cloud.conf.set_override("shared_secret", "s3cret", group="metadata")
    cloud.member.post("/v2.1/os-keypairs", {"keypair": {"name": "k"}})
    made = cloud.server(
        key_name="k",
        name="Web One",
        metadata={"role": "db"},
        user_data=base64.b64encode(b"#!/bin/sh\n").decode(),
        personality=[{"path": "/etc/x", "contents": base64.b64encode(b"hi").decode()}],
    )["server"]["id"]
    cloud.run(made)
    with cloud.db.write() as session:
        server_parts.save_nic(
            session,
            "port-1",
            {
                "server_id": made,
                "network_id": cloud.network,
                "network_label": "private",
                "mac": "fa:16:3e:00:00:01",
                "mtu": 1450,
                "addresses": [{"addr": "10.0.0.5", "version": 4, "type": "fixed", "subnet_id": "s"}],
                "subnets": [
                    {
                        "id": "s",
                        "cidr": "10.0.0.0/24",
                        "gateway": "10.0.0.1",
                        "version": 4,
                        "dns": ["8.8.8.8"],
                        "routes": [],
                        "dhcp": False,
                    }
                ],
            },
        )
    client = Client(make_app(cloud.state))
    headers = {"X-Instance-ID": made, "X-Tenant-ID": cloud.project, "X-Instance-ID-Signature": signature("s3cret", made)}

    def call(path, status=200, method="GET", change=None, data=None):
        answer = client.open(path, method=method, headers={**headers, **(change or {})}, data=data)
        assert answer.status_code == status, answer.text
        return answer

    call.server_id = made
    return call


def test_only_the_proxy_may_ask(guest):
    path = "/openstack/latest/meta_data.json"
    guest(path, 403, change={"X-Instance-ID-Signature": "0" * 64})
    guest(path, 400, change={"X-Instance-ID": ""})
    guest(path, 404, change={"X-Tenant-ID": "another"})


def test_openstack_form(guest):
    assert "latest" in guest("/openstack").text.split()
    assert guest("/openstack/2012-08-10").text.split() == ["meta_data.json", "user_data"]
    assert "network_data.json" in guest("/openstack/latest/").text.split()
    meta = guest("/openstack/latest/meta_data.json").get_json()
    assert (meta["uuid"], meta["name"], meta["hostname"], meta["meta"]) == (
        guest.server_id,
        "Web One",
        "web-one.novalocal",
        {"role": "db"},
    )
    assert meta["keys"][0]["name"] == "k" and meta["files"] == [{"path": "/etc/x", "content_path": "/content/0000"}]
    assert guest("/openstack/content/0000").data == b"hi" and guest("/openstack/content/0001", 404)
    assert guest("/openstack/latest/user_data").data == b"#!/bin/sh\n"
    net = guest("/openstack/latest/network_data.json").get_json()
    assert net["links"][0]["ethernet_mac_address"] == "fa:16:3e:00:00:01" and net["links"][0]["mtu"] == 1450
    assert (net["networks"][0]["ip_address"], net["networks"][0]["netmask"]) == ("10.0.0.5", "255.255.255.0")
    assert net["services"] == [{"type": "dns", "address": "8.8.8.8"}]
    assert guest("/openstack/latest/vendor_data.json").get_json() == {}
    guest("/openstack/2012-08-10/network_data.json", 404)
    guest("/openstack/1999-01-01/meta_data.json", 404)


def test_ec2_form(guest):
    assert guest("/").text.split()[-1] == "latest"
    assert guest("/latest").text.split() == ["meta-data/", "user-data"]
    listing = guest("/2009-04-04/meta-data/").text.split()
    assert {"instance-id", "public-keys/", "placement/", "local-ipv4"} <= set(listing)
    assert guest("/latest/meta-data/local-ipv4").text == "10.0.0.5"
    assert guest("/latest/meta-data/instance-id").text == "i-00000001"
    assert guest("/latest/meta-data/public-keys/").text == "0=k"
    assert guest("/latest/meta-data/public-keys/0/openssh-key").text.startswith("ssh-rsa ")
    assert guest("/latest/meta-data/placement/availability-zone").text == "nova"
    assert guest("/latest/user-data").data == b"#!/bin/sh\n"
    guest("/latest/meta-data/nope", 404)


def test_password_is_posted_once(guest, cloud):
    path = "/openstack/latest/password"
    assert guest(path).text == ""
    guest(path, method="POST", data=b"encrypted")
    guest(path, 409, method="POST", data=b"other")
    assert guest(path).text == "encrypted"
    guest(path, 400, method="POST", data=b"x" * 2000)
    assert cloud.member.get(f"/v2.1/servers/{guest.server_id}/os-server-password") == {"password": "encrypted"}
    cloud.member.delete(f"/v2.1/servers/{guest.server_id}/os-server-password")
