"""Sharing images with other projects."""

from typing import Any

from common import errors
from common.db.session import Session
from services.image.db import images, members
from services.image.domain.images import Limits, check_quota, in_words, not_found
from services.image.objects.image import ImageRecord

STATUSES = ("pending", "accepted", "rejected")


def add(session: Session, limits: Limits, image: ImageRecord, member: str) -> Any:
    """Share an image; errors.Forbidden unless it is `shared`, Conflict when it is shared with them, TooLarge beyond quota."""
    if image.visibility != "shared":
        raise errors.Forbidden("Only shared images have members.")
    images.lock(session, image.id)
    if images.find(session, image.id) is None:
        raise not_found(image.id)
    with in_words(f"Image member limit exceeded for image {image.id}: {{}}:"):
        check_quota(limits.members, members.count(session, image.id) + 1, "image members for this image")
    row = members.insert(session, image.id, member)
    if row is None:
        raise errors.Conflict(f"Member {member} is duplicated for image {image.id}")
    return row


def set_status(session: Session, image: ImageRecord, member: str, status: str) -> Any:
    """Accept or reject; errors.NotFound when there is no such membership."""
    if not members.set_status(session, image.id, member, status):
        raise not_member(image.id, member)
    return members.find(session, image.id, member)


def remove(session: Session, image: ImageRecord, member: str) -> Any:
    """End a sharing; what it was. errors.NotFound when there is none."""
    if image.visibility != "shared":
        raise errors.Forbidden("Only shared images have members.")
    row = members.find(session, image.id, member)
    if row is None or not members.delete(session, image.id, member):
        raise not_member(image.id, member)
    return row


def not_member(image_id: str, member: str) -> errors.NotFound:
    """The answer where an image is not shared with a project."""
    return errors.NotFound(f"{member} not found in the member list of the image {image_id}.")
