"""Several identity processes on one database and one folder of keys, while the keys are rotated under them."""

import json
import pathlib
import subprocess
import sys

import pytest

from common import clock
from services.identity.cmd import rotate_keys
from services.identity.config import SERVICE
from services.identity.db.models import Base
from tests.api.identity.tests_identity_cloud import Cloud
from tests.functional import crowd

ROOT = pathlib.Path(__file__).parents[2]
NAMES = ("a", "b", "c")


@pytest.fixture(params=[(kind, provider) for kind in crowd.KINDS for provider in ("fernet", "jws")], ids="-".join)
def cloud(request, tmp_path):
    kind, provider = request.param
    with crowd.emptied(kind, SERVICE, "identity-api", Base, tmp_path) as (conf, _):
        made = Cloud(tmp_path, database__connection=conf.database.connection, token__provider=provider)
        yield made
        made.db.dispose()


def test_no_request_fails_while_keys_are_rotated(cloud, tmp_path):
    command = [sys.executable, "-W", "ignore", "-m", "tests.functional.identity_worker", str(tmp_path),
               cloud.conf.database.connection, cloud.conf.token.provider]
    workers = [subprocess.Popen([*command, name], cwd=ROOT, stdout=subprocess.PIPE, text=True) for name in NAMES]
    try:
        for _ in range(6):
            wait_for_new_tokens(tmp_path)
            rotate_keys.run(cloud.conf, cloud.db)
        wait_for_new_tokens(tmp_path)
        (tmp_path / "stop").touch()
        said = [json.loads(worker.communicate(timeout=120)[0]) for worker in workers]
    finally:
        for worker in workers:
            worker.kill()
    assert [found["wrong"] for found in said] == [[], [], []]
    assert all(found["rounds"] >= 14 for found in said)


def wait_for_new_tokens(folder):
    """Until every process has issued two tokens more: with what the keys are now, and validated by all."""
    def numbers():
        return [int(p.read_text().split()[0]) if (p := folder / f"token-{name}").exists() else -1 for name in NAMES]

    before, until = numbers(), clock.monotonic() + 120
    while any(now < then + 2 for now, then in zip(numbers(), before, strict=True)):
        assert clock.monotonic() < until, "a process does not get on"
        clock.sleep(0.05)
