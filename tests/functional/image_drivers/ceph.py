"""A small real Ceph for tests: one monitor, one manager, one OSD on a file, and the S3 gateway, on ports of its own.

Everything lives in one folder and dies with it. Needs root and Debian's ceph-mon, ceph-mgr, ceph-osd, radosgw.
"""

import json
import os
import pathlib
import shutil
import subprocess

from common import clock, ids

PROGRAMS = ("ceph", "ceph-mon", "ceph-mgr", "ceph-osd", "ceph-authtool", "monmaptool", "radosgw", "radosgw-admin")
POOL = "images"

CONF = """[global]
fsid = {fsid}
mon_host = [v2:127.0.0.1:{port},v1:127.0.0.1:{port1}]
public_addr = 127.0.0.1
auth_cluster_required = cephx
auth_service_required = cephx
auth_client_required = cephx
keyring = {folder}/admin.keyring
run_dir = {folder}
admin_socket = {folder}/$name.asok
log_file = {folder}/$name.log
pid_file =
crash_dir = {folder}
ms_bind_port_min = {osd_min}
ms_bind_port_max = {osd_max}
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 4
osd_pool_default_pgp_num = 4
osd_crush_chooseleaf_type = 0
mon_allow_pool_size_one = true
mon_warn_on_pool_no_redundancy = false
mon_allow_pool_delete = true
mon_data_avail_crit = 1
mon_data_avail_warn = 2
mon_max_pg_per_osd = 500
# every snapshot is a map of its own, which a monitor hands out once a second, unless told otherwise
paxos_propose_interval = 0.05
paxos_min_wait = 0.01
[mon]
mon_data = {folder}/mon
[mgr]
mgr_data = {folder}/mgr
keyring = {folder}/mgr/keyring
mgr_initial_modules =
[osd]
osd_data = {folder}/osd
keyring = {folder}/osd/keyring
osd_objectstore = bluestore
bluestore_block_size = 8589934592
bluestore_cache_autotune = false
bluestore_cache_size = 33554432
osd_memory_target_autotune = false
osd_op_num_shards = 2
bluestore_fsck_quick_fix_on_mount = false
[client.rgw]
rgw_data = {folder}/rgw
keyring = {folder}/rgw/keyring
rgw_frontends = beast endpoint=127.0.0.1:{s3_port}
rgw_thread_pool_size = 16
rgw_enable_usage_log = false
rgw_enable_gc_threads = false
rgw_enable_lc_threads = false
rgw_dynamic_resharding = false
"""


def missing() -> list[str]:
    """The programs that this machine lacks."""
    return [p for p in PROGRAMS if shutil.which(p) is None]


class Ceph:
    """One cluster; `conf` is its configuration file, with an admin's key in it."""

    def __init__(self, folder: str, port: int) -> None:
        self.folder, self.port = pathlib.Path(folder), port
        self.fsid, self.conf = ids.uuid(), str(self.folder / "ceph.conf")
        self.s3_port = port + 2
        self._running: list[subprocess.Popen[bytes]] = []

    def ceph(self, *words: str, program: str = "ceph", seconds: int = 60) -> str:
        """What a command of the cluster says."""
        done = subprocess.run([program, "-c", self.conf, *words], capture_output=True, text=True, timeout=seconds, check=False)
        assert done.returncode == 0, f"{program} {' '.join(words)}: {done.stderr[-800:]}"
        return done.stdout

    def _run(self, *words: str) -> None:
        done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, f"{' '.join(words)}: {done.stderr[-800:]}"

    def _daemon(self, *words: str) -> None:
        with open(self.folder / f"{words[0]}.out", "wb") as out:
            self._running.append(subprocess.Popen([*words, "-c", self.conf, "-f"], stdout=out, stderr=out,
                                                  stdin=subprocess.DEVNULL))

    def start(self) -> None:
        """Make and start everything; takes about a quarter of a minute."""
        folder = self.folder
        for name in ("mon", "mgr", "osd", "rgw"):
            (folder / name).mkdir(parents=True)
        (folder / "ceph.conf").write_text(CONF.format(
            fsid=self.fsid, folder=folder, port=self.port, port1=self.port + 1, s3_port=self.s3_port,
            osd_min=self.port + 10, osd_max=self.port + 60))
        admin, mon = folder / "admin.keyring", folder / "mon.keyring"
        self._run("ceph-authtool", "-C", str(mon), "--gen-key", "-n", "mon.", "--cap", "mon", "allow *")
        self._run("ceph-authtool", "-C", str(admin), "--gen-key", "-n", "client.admin", "--cap", "mon", "allow *", "--cap", "osd",
                  "allow *", "--cap", "mgr", "allow *")
        self._run("ceph-authtool", str(mon), "--import-keyring", str(admin))
        self._run("monmaptool", "--create", "--fsid", self.fsid, "--addv", "a",
                  f"[v2:127.0.0.1:{self.port},v1:127.0.0.1:{self.port + 1}]", str(folder / "monmap"))
        self._run("ceph-mon", "-c", self.conf, "--mkfs", "-i", "a", "--monmap", str(folder / "monmap"), "--keyring", str(mon))
        self._daemon("ceph-mon", "-i", "a")
        (folder / "mgr/keyring").write_text(self.ceph("auth", "get-or-create", "mgr.x", "mon", "allow profile mgr", "osd",
                                                      "allow *"))
        self._daemon("ceph-mgr", "-i", "x")
        self._start_osd()
        self._start_gateway()

    def _start_osd(self) -> None:
        folder, osd = self.folder, ids.uuid()
        self.ceph("osd", "new", osd, "0")
        (folder / "osd/keyring").write_text(self.ceph("auth", "get-or-create", "osd.0", "mon", "allow profile osd", "mgr",
                                                      "allow profile osd", "osd", "allow *"))
        self._run("ceph-osd", "-c", self.conf, "-i", "0", "--mkfs", "--osd-uuid", osd)
        self._daemon("ceph-osd", "-i", "0")
        self.wait(lambda: json.loads(self.ceph("osd", "stat", "-f", "json"))["num_up_osds"] == 1)
        self.ceph("osd", "pool", "create", POOL, "8")
        self.ceph("osd", "pool", "application", "enable", POOL, "rbd")

    def _start_gateway(self) -> None:
        name = "client.rgw"
        (self.folder / "rgw/keyring").write_text(self.ceph("auth", "get-or-create", name, "mon", "allow rw", "osd", "allow rwx"))
        self._daemon("radosgw", "-n", name)
        made = self.ceph("user", "create", "--uid=images", "--display-name=images", program="radosgw-admin")
        key = json.loads(made)["keys"][0]
        self.s3 = {"s3_access_key": key["access_key"], "s3_secret_key": key["secret_key"],
                   "s3_endpoint": f"http://127.0.0.1:{self.s3_port}", "s3_bucket": "images", "s3_create_bucket": True}
        self.wait(self._gateway_answers)

    def _gateway_answers(self) -> bool:
        import socket

        try:
            socket.create_connection(("127.0.0.1", self.s3_port), 1).close()
        except OSError:
            return False
        return True

    def wait(self, what, seconds: float = 90) -> None:  # type: ignore[no-untyped-def]
        """Until `what` is true."""
        deadline = clock.monotonic() + seconds
        while not what():
            dead = [p.args for p in self._running if p.poll() is not None]
            assert not dead, f"{dead} died; see {self.folder}"
            assert clock.monotonic() < deadline, f"Ceph does not come up; see {self.folder}"
            clock.sleep(0.2)

    def stop(self) -> None:
        """End what was started."""
        for process in reversed(self._running):
            process.kill()
            process.wait(30)
        if not os.environ.get("ALTOSTACK_TEST_KEEP"):
            shutil.rmtree(self.folder, ignore_errors=True)
