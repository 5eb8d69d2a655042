"""The way between two hosts: who is let in, what arrives, and that bytes pass whole in both directions."""

import hashlib
import os
import socket
import threading

import pytest

from common import clock
from services.compute.agent import transfer, tunnel
from services.compute.drivers.base import DriverError

SERVER = "11111111-2222-4333-8444-555555555555"
MIB = 1 << 20


@pytest.fixture
def listener():
    made = tunnel.Listener("127.0.0.1")
    made.start()
    yield made
    made.stop()


class Folder:
    """Where files arrive."""

    def __init__(self, path, has=()):
        self.path, self.has, self.asked = path, set(has), []

    def known(self, name, size):
        self.asked.append((name, size))
        return name in self.has

    def store(self, name, size, frames):
        with open(self.path / (name + ".part"), "wb") as f:
            for offset, data in frames:
                f.seek(offset)
                f.write(data)
            f.truncate(size)
        os.rename(self.path / (name + ".part"), self.path / name)

    def channels(self):
        return {transfer.CHANNEL: transfer.receiver(self.known, self.store)}


def send(ticket, source, names):
    with tunnel.connect(ticket, SERVER, transfer.CHANNEL) as connection:
        return transfer.send(connection, names, lambda name: open(source / name, "rb"))


def sparse(path):
    with open(path, "wb") as f:
        f.write(os.urandom(MIB + 7))
        f.seek(40 * MIB)
        f.write(b"end")
        f.truncate(64 * MIB)


def test_files_arrive_whole_and_sparse(listener, tmp_path):
    source, target = tmp_path / "a", tmp_path / "b"
    source.mkdir(), target.mkdir()
    sparse(source / "disk")
    (source / "empty").write_bytes(b"")
    (source / "base").write_bytes(b"known there")
    folder = Folder(target, has={"base"})
    ticket = listener.open(SERVER, folder.channels())
    sent = send(ticket, source, ["base", "disk", "empty"])
    assert MIB < sent < 3 * MIB
    assert sorted(os.listdir(target)) == ["disk", "empty"]
    for name in ("disk", "empty"):
        assert hashlib.sha256((target / name).read_bytes()).digest() == hashlib.sha256((source / name).read_bytes()).digest()
    assert (target / "disk").stat().st_blocks * 512 < 4 * MIB
    assert folder.asked[0] == ("base", 11)


def test_what_the_destination_cannot_store_is_told(listener, tmp_path):
    def full(name, size, frames):
        raise DriverError("The host's disk is full.")

    (tmp_path / "disk").write_bytes(b"x")
    ticket = listener.open(SERVER, {transfer.CHANNEL: transfer.receiver(lambda *_: False, full)})
    with pytest.raises(DriverError, match="disk is full"):
        send(ticket, tmp_path, ["disk"])


def test_damage_is_noticed(listener, tmp_path):
    folder = Folder(tmp_path)
    ticket = listener.open(SERVER, folder.channels())
    with tunnel.connect(ticket, SERVER, transfer.CHANNEL) as connection:
        tunnel.send_message(connection, {"name": "disk", "size": 4})
        assert tunnel.read_message(connection) == {"have": False}
        connection.sendall(transfer._FRAME.pack(0, 4) + b"data" + transfer._FRAME.pack(4, 0))
        tunnel.send_message(connection, {"sha256": "0" * 64})
        assert "damaged" in tunnel.read_message(connection)["error"]
    assert not (tmp_path / "disk").exists()


@pytest.mark.parametrize("change", [
    {"token": "guessed"}, {"fingerprint": "0" * 64}])
def test_strangers_are_refused(listener, tmp_path, change):
    folder = Folder(tmp_path)
    ticket = listener.open(SERVER, folder.channels())
    with pytest.raises(tunnel.Refused):
        tunnel.connect({**ticket, **change}, SERVER, transfer.CHANNEL)
    assert folder.asked == []


def test_a_token_is_for_one_server_one_move_and_its_channels(listener, tmp_path):
    ticket = listener.open(SERVER, Folder(tmp_path).channels())
    with pytest.raises(tunnel.Refused, match="token"):
        tunnel.connect(ticket, "another", transfer.CHANNEL)
    with pytest.raises(tunnel.Refused, match="channel"):
        tunnel.connect(ticket, SERVER, "libvirt")
    listener.open(SERVER, Folder(tmp_path).channels())
    with pytest.raises(tunnel.Refused, match="token"):
        tunnel.connect(ticket, SERVER, transfer.CHANNEL)
    fresh = listener.open(SERVER, Folder(tmp_path).channels())
    with clock.frozen(clock.time() + tunnel.TICKET_S + 1), pytest.raises(tunnel.Refused, match="over"):
        tunnel.connect(fresh, SERVER, transfer.CHANNEL)
    listener.close(SERVER)
    with pytest.raises(tunnel.Refused):
        tunnel.connect(fresh, SERVER, transfer.CHANNEL)


def test_nothing_is_said_without_tls(listener):
    with socket.create_connection(("127.0.0.1", listener.port)) as plain:
        plain.sendall(b"GET / HTTP/1.0\r\n\r\n")
        plain.settimeout(5)
        try:
            answer = plain.recv(100)
        except ConnectionResetError:
            answer = b""
    assert not answer or answer[0] == 21, "a TLS alert at most"


def echo(listening, size):
    """Answers each connection with the SHA-256 of what came, after as many bytes of its own."""
    connection, _ = listening.accept()
    with connection:
        digest, left = hashlib.sha256(), size
        while left:
            data = connection.recv(65536)
            digest.update(data)
            left -= len(data)
        connection.sendall(b"y" * size + digest.digest())


def test_a_relay_passes_both_directions_at_once(listener, tmp_path):
    size = 12 * MIB
    target, door_path = str(tmp_path / "target"), str(tmp_path / "door")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(target)
        listening.listen(4)
        threading.Thread(target=echo, args=(listening, size), daemon=True).start()
        ticket = listener.open(SERVER, {"migrate": tunnel.to_socket(target)})
        door = tunnel.Door(door_path, ticket, SERVER, "migrate")
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(30)
            client.connect(door_path)
            data = os.urandom(size)
            threading.Thread(target=client.sendall, args=(data,), daemon=True).start()
            found = bytearray()
            while part := client.recv(1 << 18):
                found += part
        door.close()
    assert found[:size] == b"y" * size and bytes(found[size:]) == hashlib.sha256(data).digest()
    assert not os.path.exists(door_path)
