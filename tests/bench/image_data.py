"""Upload and download through the real server, beside a plain copy with the same hashes.

    python tests/bench/image_data.py [MEBIBYTES]

Prints MB/s and the server's CPU seconds and peak memory (budget: 80 % of the plain copy, constant memory).
"""

import hashlib
import http.client
import multiprocessing
import os
import pathlib
import resource
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))

from common import gunicorn, worker
from common.testing.api import Persona
from services.image.config import SERVICE
from tests.api.image.support import PROJECT, make_site, new

PORT = 29393


def serve(folder: pathlib.Path, persona: Persona, ready: multiprocessing.Queue) -> None:
    site = make_site(folder, api__bind_port=PORT, log_dir=str(folder))
    site.auth.known[persona.token] = persona
    info = SERVICE.daemon("image-api")

    def build() -> worker.Worker:
        made = worker.Worker(info, site.state.conf, worker.Runtime())
        made.http(site.app)
        return made

    server = gunicorn.Server(info, site.state.conf, build)
    ready.put(new(site.client(persona))["id"])
    server.run()


def answers() -> bool:
    """Whether the server is up."""
    try:
        connection = http.client.HTTPConnection("127.0.0.1", PORT)
        connection.request("GET", "/healthcheck")
        return connection.getresponse().status == 200
    except OSError:
        return False


def peak(pid: int) -> tuple[int, float]:
    """(KiB of memory at its peak, CPU seconds) of the server's worker, which may be the process itself."""
    child = next(iter(pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()), pid)
    status = pathlib.Path(f"/proc/{child}/status").read_text()
    fields = pathlib.Path(f"/proc/{child}/stat").read_text().rsplit(")", 1)[1].split()
    ticks = int(fields[11]) + int(fields[12])
    return int(status.split("VmHWM:")[1].split()[0]), ticks / os.sysconf("SC_CLK_TCK")


def plain(source: pathlib.Path, target: pathlib.Path) -> float:
    began = time.monotonic()
    md5, sha = hashlib.md5(), hashlib.sha512()
    with source.open("rb", buffering=0) as f, target.open("wb", buffering=0) as g:
        while chunk := f.read(1 << 18):
            md5.update(chunk)
            sha.update(chunk)
            g.write(chunk)
        os.fsync(g.fileno())
    target.unlink()
    return time.monotonic() - began


def call(method: str, path: str, token: str, body: object = None, size: int = 0) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", PORT, blocksize=1 << 18)
    headers = {"X-Auth-Token": token}
    if body is not None:
        headers |= {"Content-Type": "application/octet-stream", "Content-Length": str(size)}
    connection.request(method, path, body=body, headers=headers)
    return connection.getresponse()


def main() -> None:
    size = int(sys.argv[1] if len(sys.argv) > 1 else 512) << 20
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        source, block = folder / "source", os.urandom(1 << 20)
        with source.open("wb") as f:
            for _ in range(size >> 20):
                f.write(block)
        persona, ready = Persona("member", PROJECT), multiprocessing.Queue()
        server = multiprocessing.Process(target=serve, args=(folder, persona, ready))
        server.start()
        image = ready.get(timeout=60)
        until = time.monotonic() + 60
        while not answers() and time.monotonic() < until:
            time.sleep(0.2)
        before, cpu = peak(server.pid or 0)
        copies = [plain(source, folder / "copy")]
        began = time.monotonic()
        with source.open("rb") as f:
            assert call("PUT", f"/v2/images/{image}/file", persona.token, f, size).status == 204
        up, (after, used) = time.monotonic() - began, peak(server.pid or 0)
        copies.append(plain(source, folder / "copy"))
        began = time.monotonic()
        answer = call("GET", f"/v2/images/{image}/file", persona.token)
        got = 0
        while chunk := answer.read(1 << 20):
            got += len(chunk)
        down, (_, last) = time.monotonic() - began, peak(server.pid or 0)
        assert got == size
        server.terminate()
        server.join()
    mib = size / (1 << 20)
    print(f"plain copy with hashes  {mib / min(copies):7.0f} MiB/s")
    print(f"upload                  {mib / up:7.0f} MiB/s  {min(copies) / up:4.0%} of the copy, CPU {used - cpu:.2f} s")
    print(f"download                {mib / down:7.0f} MiB/s  CPU {last - used:.2f} s")
    print(f"memory of the server    {before / 1024:7.1f} MiB before, {after / 1024:.1f} MiB at its peak")
    print(f"client's own CPU        {resource.getrusage(resource.RUSAGE_SELF).ru_utime:7.1f} s")


if __name__ == "__main__":
    main()
