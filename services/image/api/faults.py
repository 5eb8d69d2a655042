"""Errors in the form of upstream's image API: HTML, JSON or plain text, as the client accepts, in upstream's words."""

import html
import re

import flask
import orjson

from common import errors
from common.http.faults import title

_HTML = "text/html; charset=UTF-8"
_PLAIN = "text/plain; charset=UTF-8"
_TITLES = {416: "Request Range Not Satisfiable"}
_POLICY = re.compile(r"^Policy doesn't allow (\S+) to be performed\.$")
_UNAUTHORIZED = ("This server could not verify that you are authorized to access the document you requested. Either you supplied "
                 "the wrong credentials (e.g., bad password), or your browser does not understand how to supply the credentials "
                 "required.")


def fault(error: errors.ApiError, request_id: str) -> tuple[bytes, str]:
    """(body, content type): HTML for who takes HTML or anything, JSON for who asks for it, else plain text."""
    name = _TITLES.get(error.status) or title(error.status)
    head, text = f"{error.status} {name}", _words(error)
    accepted = flask.request.accept_mimetypes
    if accepted["text/html"] and accepted["text/html"] >= accepted["application/json"]:
        page = (f"<html>\n <head>\n  <title>{head}</title>\n </head>\n <body>\n  <h1>{head}</h1>\n"
                f"  {html.escape(text)}<br /><br />\n{html.escape(error.detail)}\n\n\n </body>\n</html>")
        return page.encode(), _HTML
    if accepted["application/json"]:
        message = f"{text}<br /><br />\n{error.detail}\n\n"
        return orjson.dumps({"message": message, "code": head, "title": name}), "application/json"
    lines = f"{head}\n\n{_one_line(text)}\n\n {_one_line(error.detail)}  "
    return lines.encode(), _PLAIN


def _one_line(text: str) -> str:
    """A plain page has each of its texts on a line of its own."""
    return text.replace("\r", "").replace("\n", " ")


def _words(error: errors.ApiError) -> str:
    """The message, where `common` has it in other words than upstream's image API."""
    request = flask.request
    policy = _POLICY.match(error.message)
    if policy:
        return f"You are not authorized to complete {policy[1]} action."
    if error.status == 401:
        return _UNAUTHORIZED
    if error.status == 405 and error.message.startswith("The method is not allowed"):
        return f"The method {request.method} is not allowed for this resource."
    if error.message == "Malformed request body: it must be valid JSON.":
        return "Malformed JSON in request body." if request.content_length else "Body expected in request."
    return error.message
