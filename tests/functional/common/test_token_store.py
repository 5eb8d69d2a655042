"""What APIs share of tokens, in a real memcached."""

import contextlib
import shutil
import subprocess

import pytest
from oslo_config import cfg

from common import clock, errors
from common.config import CREDENTIALS_OPTS
from common.http import token_store
from tests.functional.common.conftest import free_port
from tests.waiting import wait_for

ANSWER = {"token": {"user": {"id": "u1", "name": "Älice"}, "roles": [{"id": "r", "name": "member"}]}}

pytestmark = pytest.mark.skipif(shutil.which("memcached") is None, reason="memcached is not installed")


@contextlib.contextmanager
def memcached(port):
    """A memcached on `port`, with a function that ends it."""
    running = subprocess.Popen(["memcached", "-u", "nobody", "-l", "127.0.0.1", "-p", str(port), "-U", "0", "-m", "8"])

    def end():
        running.terminate()
        running.wait(20)

    try:
        yield end
    finally:
        end()


def stored(port, secret="one secret", seconds=60):
    return token_store.TokenStore([f"127.0.0.1:{port}"], secret, seconds)


def raw(port):
    from pymemcache.client.base import Client

    return Client(("127.0.0.1", port), timeout=5)


def filled(port, token="gAAAA-a-token"):
    """A store that has an answer for `token`, once memcached has started; one that failed would be left alone for a while."""

    def kept():
        store = stored(port)
        store.set(token, ANSWER)
        return store if stored(port).get(token) else None

    return wait_for("answer in memcached", kept)


def test_what_one_copy_learned_another_knows_for_as_long_as_it_counts():
    port = free_port()
    with memcached(port):
        filled(port)
        answer, left_s = stored(port).get("gAAAA-a-token")
        assert answer == ANSWER and 0 < left_s <= 60
        assert stored(port).get("gAAAA-another") is None
        clock.sleep(0.2)
        assert stored(port).get("gAAAA-a-token")[1] < left_s
        assert stored(port, seconds=0).get("gAAAA-a-token") is None


def test_memcached_shows_neither_tokens_nor_bearers_and_believes_nobody_without_the_secret():
    port = free_port()
    with memcached(port):
        store = filled(port)
        name = store._name("gAAAA-a-token")
        kept = raw(port).get(name)
        assert kept and b"gAAAA" not in kept + name and b"lice" not in kept and b"member" not in kept
        assert stored(port, secret="another secret").get("gAAAA-a-token") is None
        other = store._name("gAAAA-of-an-attacker")
        raw(port).set(other, kept, noreply=False)  # a good answer under another token's name
        assert store.get("gAAAA-of-an-attacker") is None
        for junk in (b"", b"short", kept[:-1], bytes(200)):
            raw(port).set(name, junk, noreply=False)
            assert store.get("gAAAA-a-token") is None


def test_a_memcached_that_is_away_is_nobodys_failure():
    port = free_port()
    store = stored(port)
    assert store.get("gAAAA-a-token") is None
    store.set("gAAAA-a-token", ANSWER)
    with memcached(port) as end:
        store = filled(port)
        end()
        assert store.get("gAAAA-a-token") is None
        store.set("gAAAA-a-token", ANSWER)
        assert store.get("gAAAA-a-token") is None


def test_servers_without_a_secret_are_refused_at_the_start():
    conf = cfg.ConfigOpts()
    conf.register_opts(CREDENTIALS_OPTS, group="service_credentials")
    assert token_store.configured(conf, 60) is None
    conf.set_override("memcached_servers", ["127.0.0.1:1"], group="service_credentials")
    with pytest.raises(errors.ConfigError, match="memcache_secret_key"):
        token_store.configured(conf, 60)
