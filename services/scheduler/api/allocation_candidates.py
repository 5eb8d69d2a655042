"""The handler of allocation candidates."""

from common import errors
from common.http.request import Request
from services.scheduler.api import common
from services.scheduler.api.common import Answer, check_query, state, version
from services.scheduler.api.schemas import allocation_candidates as schemas
from services.scheduler.api.views import allocation_candidates as views
from services.scheduler.domain import candidates, requests


def index(request: Request) -> Answer:
    """200: ways to satisfy the request. 400: a parameter is wrong or names an unknown class or trait."""
    check_query(request, schemas.LIST)
    query = requests.query(request.query, version(request))
    conf = state(request).conf.placement
    with state(request).db.read() as session, state(request).index.lock:
        found_in = common.current(request, session)
        unknown = found_in.require("classes", [n for g in query.groups.values() for n in g.resources])
        if unknown:
            raise errors.BadRequest(f"Invalid resource class in resources parameter: No such resource class {unknown[0]}.")
        unknown = found_in.require("traits", query.root_required.union(
            query.root_forbidden, *(g.traits for g in query.groups.values())))
        if unknown:
            raise errors.BadRequest(f"No such trait(s): {', '.join(unknown)}.")
        found = candidates.find(found_in, query, randomize=conf.randomize_allocation_candidates,
                                most=conf.max_allocation_candidates)
        body = views.candidates(request, found_in, query, found)
    return body, 200, common.cached(request)
