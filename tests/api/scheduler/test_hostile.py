"""Hostile input gets an answer of its own, never a fault of the server."""

from tests.api import hostile


def test_no_query_and_no_path_makes_it_fail(client):
    assert not hostile.failures(client)
