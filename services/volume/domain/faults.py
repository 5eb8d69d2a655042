"""The refusals of the block storage API, in the words that clients know."""

from common import errors

NOT_FOUND = {
    "volume": "Volume {} could not be found.",
    "snapshot": "Snapshot {} could not be found.",
    "attachment": "Volume attachment could not be found with filter: attachment_id = {}.",
    "type": "Volume type {} could not be found.",
    "type_name": "Volume type with name {} could not be found.",
    "qos": "No such qos spec {}.",
    "message": "Message {} could not be found.",
    "transfer": "Transfer {} could not be found.",
    "host": "Host {} could not be found.",
    "service": "Service {} could not be found.",
}


def missing(kind: str, thing_id: object) -> errors.NotFound:
    """404 for a volume, snapshot, …"""
    return errors.NotFound(NOT_FOUND[kind].format(thing_id))


def invalid_volume(reason: str) -> errors.BadRequest:
    """400: the volume's state stands in the way."""
    return errors.BadRequest(f"Invalid volume: {reason}")


def invalid_snapshot(reason: str) -> errors.BadRequest:
    """400: the snapshot's state stands in the way."""
    return errors.BadRequest(f"Invalid snapshot: {reason}")


def invalid_input(reason: str) -> errors.BadRequest:
    """400: a value is wrong."""
    return errors.BadRequest(f"Invalid input received: {reason}")


def over_quota(message: str) -> errors.TooLarge:
    """413 as block storage answers when a quota is used up."""
    return errors.TooLarge(message, headers={"Retry-After": "0"})
