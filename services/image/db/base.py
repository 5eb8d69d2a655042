"""The declarative base of the image service's schema."""

from typing import Any

from common.db.models import make_base

Base: Any = make_base()
