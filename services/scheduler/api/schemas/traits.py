"""Schemas of the query string of traits."""

from services.scheduler.api.schemas.common import TEXT, query

LIST = {"1.6": query({"name": TEXT, "associated": TEXT})}
