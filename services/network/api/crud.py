"""List, show, create, update and delete: the same way for every noun.

A `Noun` joins what the rooms have about one noun: its attributes, who may see its rows, its JSON form and
the domain functions that change it. Policies are asked with upstream's names: `create_network`,
`create_network:shared`, `get_network:provider:network_type`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from common import clock, errors, ids
from common.context import RequestContext
from common.http import paging
from common.http.paging import Page
from common.http.request import Request
from services.network.api import attributes
from services.network.api.attributes import Resource
from services.network.db import rows, tags
from services.network.db.rows import Session
from services.network.domain import faults
from services.network.domain.work import Work, run

_PAGING = frozenset(("limit", "marker", "page_reverse", "sort_key", "sort_dir", "fields"))
_TAGS = frozenset(("tags", "tags-any", "not-tags", "not-tags-any"))


@dataclass(frozen=True)
class Viewer:
    """For whom a view is made: `hidden` attributes are left out, `fields` (if any) alone are kept.

    `dns_domain` is the cloud's, for the names of ports.
    """

    project_id: str | None
    is_admin: bool
    hidden: frozenset[str] = frozenset()
    fields: frozenset[str] = frozenset()
    dns_domain: str = ""

    def cut(self, item: dict[str, Any]) -> dict[str, Any]:
        """`item` without what this viewer does not get."""
        if self.fields:
            return {k: v for k, v in item.items() if k in self.fields and k not in self.hidden}
        for name in self.hidden:
            item.pop(name, None)
        return item


View = Callable[[Session, Sequence[Any], Viewer], list[dict[str, Any]]]


@dataclass(frozen=True)
class Noun:
    """One noun of the API.

    visible   conditions of the rows that a caller may see
    view      rows -> JSON objects, with a constant number of queries
    fault     (error kind, word) of the 404
    create, update, delete   domain functions: (work, values) -> row; (work, row, values) -> row; (work, row)
    filters   name -> function(values, project id) -> condition or list of them, for filters that are no plain column
    target    further keys for policies: (session, row or values) -> dict
    guards    attributes whose policy is asked only when this function says so: (value) -> rule names
    view_new  as `view`, for rows that this transaction made, with their tags: need read nothing again
    """

    resource: Resource
    model: Any
    visible: Callable[[RequestContext, bool], list[Any]]
    view: View
    fault: tuple[str, str]
    create: Callable[[Work, dict[str, Any]], Any] | None = None
    update: Callable[[Work, Any, dict[str, Any]], Any] | None = None
    delete: Callable[[Work, Any], None] | None = None
    filters: Mapping[str, Callable[[Sequence[str], str | None], Any]] = field(default_factory=dict)
    target: Callable[[Session, Any], dict[str, Any]] | None = None
    guards: Mapping[str, Callable[[Any], list[str]]] = field(default_factory=dict)
    path: str = ""
    view_new: Callable[[Work, Sequence[Any], Mapping[str, list[str]], Viewer], list[dict[str, Any]]] | None = None

    # handlers

    def index(self, request: Request) -> dict[str, Any]:
        """200 with the rows that the caller may see and that pass the filters."""
        page = read_page(request, self)
        with request.app.db.read() as session:
            conditions = [*self.visible(request.context, is_admin(request)), *self._conditions(request)]
            found = rows.page(session, self.model, conditions, page, self._columns())
            items = self.view(session, found, viewer(request, self.resource))
        body: dict[str, Any] = {self.resource.plural: items}
        if "limit" in request.query:
            body.update(links(request, self.path or "/v2.0/" + self.resource.plural.replace("_", "-"),
                              self.resource.plural, [r.id for r in found], page))
        return body

    def show(self, request: Request, id: str) -> dict[str, Any]:
        """200; 404 when there is none that the caller may see."""
        with request.app.db.read() as session:
            row = self.fetch(session, request, id)
            return {self.resource.name: self.view(session, [row], viewer(request, self.resource))[0]}

    def post(self, request: Request) -> tuple[dict[str, Any], int]:
        """201 with what was made: one, or (bulk) all or none."""
        name, plural = self.resource.name, self.resource.plural
        bulk = plural in request.body
        sent = [item.get(name, item) for item in request.body[plural]] if bulk else [request.body[name]]
        items = change(request, self._create, request, sent)
        return ({plural: items} if bulk else {name: items[0]}), 201

    def put(self, request: Request, id: str) -> dict[str, Any]:
        """200; 404, 403; 412 when If-Match names another revision."""
        item = change(request, self._update, request, id, request.body[self.resource.name])
        return {self.resource.name: item}

    def remove(self, request: Request, id: str) -> None:
        """204; 404, 403; 409 while it is in use; 412 when If-Match names another revision."""
        change(request, self._delete, request, id)

    # inside the transaction

    def fetch(self, session: Session, request: Request, id: str, *, lock: bool = False,
              policy: str | None = None) -> Any:
        """The row `id`, authorised; 404 when the caller may not see it."""
        missing = faults.not_found(self.fault[0], self.fault[1], id)
        conditions = self.visible(request.context, is_admin(request))
        if conditions:
            row = next(iter(rows.plain(session, self.model, self.model.id == id, *conditions)), None)
        else:
            row = rows.one(session, self.model, id)
        if row is not None and lock:
            row = rows.get(session, self.model, id, lock=True)
        if row is None:
            raise missing
        target = self.target_of(session, row)
        seen = request.allowed(f"get_{self.resource.name}", target)
        request.authorized = True
        if not seen:
            raise missing
        if policy or request.policy_name != f"get_{self.resource.name}":
            request.authorize(target, policy)
        return row

    def target_of(self, session: Session, item: Any) -> dict[str, Any]:
        """What policies see of a row or of the values of a create."""
        if isinstance(item, dict):
            target = {k: v for k, v in item.items() if isinstance(v, str | int | bool | type(None))}
        else:
            target = {"id": item.id, "project_id": item.project_id}
        if self.target is not None:
            target.update(self.target(session, item))
        target["tenant_id"] = target.get("project_id")
        return target

    def _create(self, work: Work, request: Request, sent: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        assert self.create is not None
        made = []
        tagged: dict[str, list[str]] = {}
        for item in sent:
            values = self.resource.on_create(item)
            values["project_id"] = _project(request, attributes.same_project(item))
            self._guard(work.session, request, "create", item, values, None)
            words = values.pop("tags", None)
            row = self.create(work, values)
            if words:
                tags.replace(work.session, row.id, words)
                tagged[row.id] = sorted(set(words))
            made.append(row)
        work.flush()
        if self.view_new is not None:
            return self.view_new(work, made, tagged, viewer(request, self.resource))
        return self.view(work.session, made, viewer(request, self.resource))

    def _update(self, work: Work, request: Request, id: str, sent: dict[str, Any]) -> dict[str, Any]:
        assert self.update is not None
        row = self.fetch(work.session, request, id, lock=True, policy=f"update_{self.resource.name}")
        check_revision(request, row)
        values = self.resource.on_update(sent)
        self._guard(work.session, request, "update", sent, values, row)
        row = self.update(work, row, values)
        work.session.flush()
        return self.view(work.session, [row], viewer(request, self.resource))[0]

    def _delete(self, work: Work, request: Request, id: str) -> None:
        assert self.delete is not None
        row = self.fetch(work.session, request, id, lock=True, policy=f"delete_{self.resource.name}")
        check_revision(request, row)
        tags.replace(work.session, id, [])
        self.delete(work, row)

    def _guard(self, session: Session, request: Request, verb: str, sent: Mapping[str, Any], values: dict[str, Any],
               row: Any) -> None:
        target = self.target_of(session, values if row is None else row)
        if row is not None:
            target.update({k: v for k, v in values.items() if isinstance(v, str | int | bool)})
        if verb == "create":
            request.authorize(target, f"create_{self.resource.name}")
        for name in sent:
            attr = self.resource.attrs[name]
            if verb == "create" and name in values and values[name] == attr.default:
                continue  # as if it were not sent
            rules = [f"{verb}_{self.resource.name}:{name}"] if attr.guard else []
            if name in self.guards:
                rules += [f"{verb}_{self.resource.name}:{r}" for r in self.guards[name](sent[name])]
            for rule in rules:
                request.authorize(target, rule)

    # filters

    def _conditions(self, request: Request) -> list[Any]:
        found: list[Any] = []
        wrong = []
        for name, values in request.query.items():
            if name in _PAGING:
                continue
            if name in self.filters:
                made = self.filters[name](values, request.context.project_id)
                found.extend(made if isinstance(made, list) else [made])
            elif name in _TAGS and "tags" in self.resource.attrs:
                continue
            elif (column := self.resource.column(name)) is not None and rows.is_filter(self.model, column):
                found.append(rows.column_condition(getattr(self.model, column), values))
            else:
                wrong.append(name)
        if wrong:
            raise faults.bad(f"{sorted(wrong)} is invalid attribute for filtering")
        return found + rows.tag_conditions(self.model.id, dict(request.query))

    def _columns(self) -> dict[str, Any]:
        names = {n: self.resource.column(n) for n in self.resource.attrs}
        return {n: getattr(self.model, c) for n, c in names.items() if c and hasattr(self.model, c)}


def change(request: Request, function: Callable[..., Any], *args: Any) -> Any:
    """Run `function(work, *args)` in a transaction of the request, then tell the conductor."""
    app = request.app
    return run(app.db, app.conf, request.context, app.notify, function, *args)


def is_admin(request: Request) -> bool:
    """Whether the caller sees every project's resources."""
    return request.context.has_admin_role or "service" in (request.context.roles or [])


def viewer(request: Request, resource: Resource) -> Viewer:
    """The viewer of this request, with what policies hide from it."""
    hidden = _hidden(request, resource)
    wanted = frozenset(v for v in request.query.get("fields", ()) if v)
    return Viewer(request.context.project_id, is_admin(request), hidden, wanted, request.app.conf.network.dns_domain)


def _hidden(request: Request, resource: Resource) -> frozenset[str]:
    """Attributes that policies keep from the caller; a check that several of them share is made once."""
    answers: dict[str, bool] = {}
    found = []
    for name in resource.hidden:
        rule = f"get_{resource.name}:{name}"
        check = str(request.policy.enforcer.rules.get(rule, rule))
        if check not in answers:
            answers[check] = request.allowed(rule)
        if not answers[check]:
            found.append(name)
    return frozenset(found)


def _project(request: Request, asked: str | None) -> str:
    own = request.context.project_id or ""
    if asked is None or asked == own:
        return own
    if not is_admin(request):
        raise faults.bad("Specifying 'project_id' or 'tenant_id' other than the authenticated project in request "
                         "requires admin privileges")
    return asked


def check_revision(request: Request, row: Any) -> None:
    """412 when If-Match names another revision than the row's; 400 when it is malformed."""
    header = request.raw.headers.get("If-Match")
    if not header:
        return
    name, _, wanted = header.partition("=")
    if name.strip() != "revision_number" or not wanted.strip().isdigit():
        raise faults.bad("If-Match must be revision_number=N")
    if ids.number_in(wanted.strip()) != row.revision_number:
        raise errors.PreconditionFailed(f"Constrained to {wanted}, but current revision is {row.revision_number}",
                                        kind="RevisionNumberConstraintFailed")


def read_page(request: Request, noun: Noun) -> Page:
    """The page asked for; 400 when a sort key is no attribute."""
    page = paging.read(request, default_sorts=(("id", "asc"),), limit_max=10**9)
    known = noun._columns()
    for key, _ in page.sorts:
        if key not in known:
            raise faults.bad(f"['{key}'] is invalid attribute for sort_keys")
    limit = page.limit if "limit" in request.query and page.limit else None
    return Page(limit, page.marker, page.sorts, page.reverse)


def links(request: Request, path: str, plural: str, found: Sequence[str], page: Page) -> dict[str, Any]:
    """`{plural}_links` with the next and the previous page."""
    made = []
    full = page.limit is not None and len(found) >= page.limit
    if found and (page.reverse or full):
        made.append({"rel": "next", "href": _link(request, path, found[-1], False)})
    if found and ((page.marker and not page.reverse) or (page.reverse and full)):
        made.append({"rel": "previous", "href": _link(request, path, found[0], True)})
    if not found and page.marker:
        made.append({"rel": "next" if page.reverse else "previous", "href": _link(request, path, page.marker, not page.reverse)})
    return {f"{plural}_links": made} if made else {}


def _link(request: Request, path: str, marker: str, reverse: bool) -> str:
    pairs = [(k, v) for k, vs in request.query.items() if k not in ("marker", "page_reverse") for v in vs]
    pairs.append(("marker", marker))
    if reverse:
        pairs.append(("page_reverse", "True"))
    return f"{request.base_url}{path}?{urlencode(pairs)}"


def standard(row: Any, tag_words: Mapping[str, list[str]] | None = None) -> dict[str, Any]:
    """The attributes that every resource has."""
    item = {"id": row.id, "tenant_id": row.project_id, "project_id": row.project_id, "description": row.description,
            "revision_number": row.revision_number, "created_at": clock.iso(row.created_at),
            "updated_at": clock.iso(row.updated_at)}
    if tag_words is not None:
        item["tags"] = tag_words.get(row.id, [])
    return item


