"""Bare metal nodes as compute once showed them (until 2.35): this cloud has no bare metal service to ask."""

from typing import NoReturn

from common import errors
from common.http.request import Request


def unavailable(request: Request, **_: str) -> NoReturn:
    """501: there is no bare metal service."""
    raise errors.NotOffered("The bare metal service is not available in this cloud.")


def create(request: Request) -> NoReturn:
    """400: never done here."""
    raise _elsewhere("node-create")


def delete(request: Request, node_id: str) -> NoReturn:
    """400: never done here."""
    raise _elsewhere("node-delete")


def add_interface(request: Request, node_id: str) -> NoReturn:
    """400: never done here."""
    request.authorize()
    raise _elsewhere("port-create")


def remove_interface(request: Request, node_id: str) -> NoReturn:
    """400: never done here."""
    request.authorize()
    raise _elsewhere("port-delete")


def _elsewhere(command: str) -> errors.BadRequest:
    return errors.BadRequest(f"Command not supported. Please use Ironic command {command} to perform this action.")
