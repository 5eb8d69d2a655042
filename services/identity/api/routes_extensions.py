"""URLs of what upstream calls extensions, and of delegation; ROUTES of api.routes includes them."""

from common.http.route import Row

ROUTES: tuple[Row, ...] = ()
