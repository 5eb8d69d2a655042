"""What web-download may reach: addresses in every disguise, names that resolve inwards, names that change their mind."""

import ipaddress
import socket

import pytest

from services.image.drivers import fetch

INNER = ["127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.0.1", "169.254.169.254", "0.0.0.0", "100.64.0.1", "224.0.0.1",
         "255.255.255.255", "::", "::1", "fe80::1", "fc00::1", "ff02::1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::",
         "::10.0.0.1", "2001:db8::1", "192.0.2.1", "198.18.0.1", "fec0::1", "3fff::1", "2001:20::1", "192.88.99.1", "100::1",
         "64:ff9b:1::a9fe:a9fe", "::ffff:0:a9fe:a9fe", "2001:0:a00:1::", "192.0.0.1", "240.0.0.1", "fd00:ec2::254", "5f00::1"]


@pytest.mark.parametrize("text", INNER)
def test_inner_addresses(text):
    with pytest.raises(fetch.Refused):
        fetch.Guard().check_address(ipaddress.ip_address(text))


@pytest.mark.parametrize("text", ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946"])
def test_public_addresses(text):
    fetch.Guard().check_address(ipaddress.ip_address(text))


def resolving(monkeypatch, *answers):
    found = iter(answers)
    seen = []

    def getaddrinfo(host, port, **_):
        address = next(found)
        seen.append(address)
        return [(socket.AF_INET6 if ":" in address else socket.AF_INET, 1, 6, "", (address, port))]

    monkeypatch.setattr(fetch.socket, "getaddrinfo", getaddrinfo)
    return seen


@pytest.mark.parametrize("text", INNER)
def test_names_that_resolve_inwards(monkeypatch, text):
    resolving(monkeypatch, text)
    with pytest.raises(fetch.Refused):
        fetch.check("http://innocent.example/", fetch.Guard())


def test_the_connection_goes_to_the_address_that_was_checked(monkeypatch):
    resolving(monkeypatch, "93.184.216.34", "127.0.0.1")
    gone_to = []
    monkeypatch.setattr(fetch, "_once", lambda method, parts, addresses, guard, headers: gone_to.append(addresses) or _Answer())
    fetch.request("GET", "http://rebinding.example/", fetch.Guard())
    assert gone_to == [[ipaddress.ip_address("93.184.216.34")]]


class _Answer:
    status, headers = 200, {}


def test_hosts_and_ports():
    public = "http://93.184.216.34"
    fetch.check(public, fetch.Guard())
    with pytest.raises(fetch.Refused):
        fetch.check(public, fetch.Guard(hosts=("other.example",)))
    with pytest.raises(fetch.Refused):
        fetch.check(public, fetch.Guard(banned_hosts=("93.184.216.34",)))
    with pytest.raises(fetch.Refused):
        fetch.check(public + ":8080", fetch.Guard())
    fetch.check(public + ":8080", fetch.Guard(ports=()))
    fetch.check("http://10.0.0.1", fetch.Guard(networks=("10.0.0.0/24",)))
    with pytest.raises(fetch.Refused):
        fetch.check("http://10.0.1.1", fetch.Guard(networks=("10.0.0.0/24",)))


@pytest.mark.parametrize("url", [
    "http://\uff11\uff12\uff17.0.0.1/", "http://\u2460\u2461\u2466.0.0.1/", "http://127\u30020\u30020\u30021/",
    "http://[fe80::1%25eth0]/", "http://93.184.216.34\t.x/", "http://127.0.0.1:80@93.184.216.34/", "http://127.0.0.1\\@93.184.216.34/",
    "http://93.184.216.34:80:22/", "http://93.184.216.34:0x50/", "http://93.184.216.34:+80/", "http://1.1.1.1:65616/",
    "http://[127.0.0.1]/", "http://[::1/", "http://0177.1/", "http://0x7f000001/", "http://017700000001/",
    "http://127.000.000.001/", "HTTP://127.0.0.1/", "http:127.0.0.1", "http:///127.0.0.1/", "//127.0.0.1/",
    "http://93.184.216.34 /", "http://127.0.0.1./", "http://2130706433./", "http://0x7f.1./", "http://127.1/", "http://0/",
    "http://[::127.0.0.1]/", "http://[0:0:0:0:0:ffff:7f00:1]/", "http://[::ffff:7f00:1]/", "http://0xa9fea9fe/"])
def test_odd_ways_to_write_an_address(url):
    with pytest.raises(fetch.Refused):
        fetch.check(url, fetch.Guard())


def test_what_stands_behind_a_fragment_is_no_host():
    _, addresses = fetch.check("http://93.184.216.34#@127.0.0.1/", fetch.Guard())
    assert addresses == [ipaddress.ip_address("93.184.216.34")]
