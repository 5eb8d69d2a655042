"""Queries about subnets."""

from typing import Any

import sqlalchemy as sa

from common.context import RequestContext
from services.network.db import models, networks


def visible(context: RequestContext, is_admin: bool) -> list[Any]:
    """Conditions: the caller's own subnets and those of networks that it may see."""
    if is_admin:
        return []
    subnet = models.Subnet
    shared = sa.select(models.Network.id).where(*networks.visible(context, False))
    return [sa.or_(subnet.project_id == context.project_id, subnet.network_id.in_(shared))]
