"""Both dialects of the image API's JSON patch, and quotas of a draft."""

import datetime

import pytest

from common import errors
from services.image.domain import images, json_patch, states
from services.image.objects.image import ImageRecord

V21, V20 = (f"application/openstack-images-v2.{n}-json-patch" for n in (1, 0))
LIMITS = images.Limits(2, 2, 2, 2)
NOW = datetime.datetime(2024, 1, 1)
IMAGE = ImageRecord("i", "n", "o", "shared", "queued", None, None, None, None, None, None, None, 0, 0, False, False, NOW, NOW,
                    properties={"a": "1"})


def test_pointers_are_unescaped():
    assert json_patch.parse([{"op": "add", "path": "/a~1b~0c", "value": 1}], V21)[0].path == ("a/b~c",)
    assert json_patch.parse([{"add": "/x", "value": 1}], V20)[0] == json_patch.Change("add", ("x",), 1)


@pytest.mark.parametrize("pointer", ["x", "/", "//x", "/x/", "/x~2", "/x~", 5, None, "/a/b", "/locations/1/url"])
def test_bad_pointers(pointer):
    with pytest.raises(errors.BadRequest):
        json_patch.parse([{"op": "add", "path": pointer, "value": 1}], V21)


@pytest.mark.parametrize("body", [{}, [1], [{"op": "add"}], [{"path": "/x"}], [{"op": "test", "path": "/x", "value": 1}]])
def test_bad_operations(body):
    with pytest.raises(errors.BadRequest):
        json_patch.parse(body, V21)
    with pytest.raises(errors.ApiError):
        json_patch.parse(body, "application/json")


def test_two_operations_in_one_are_none():
    with pytest.raises(errors.BadRequest):
        json_patch.parse([{"add": "/x", "replace": "/y", "value": 1}], V20)


def change(op, name, value=None):
    return json_patch.Change(op, (name,), value)


def test_a_draft_is_the_sum_of_its_changes():
    made = images.draft(IMAGE, [change("remove", "a"), change("add", "a", "2"), change("add", "b", "3"),
                                change("replace", "b", "4"), change("add", "tags", ["x", "x"])], LIMITS)
    assert made.properties == {"a": "2", "b": "4"} and not made.removed and made.tags == ["x"]


@pytest.mark.parametrize(("changes", "error"), [
    ([change("add", "b", "1"), change("add", "c", "1")], errors.TooLarge), ([change("replace", "b", "1")], errors.Conflict),
    ([change("remove", "a"), change("remove", "a")], errors.Conflict), ([change("remove", "owner")], errors.Forbidden),
    ([change("replace", "tags", ["a", "b", "c"])], errors.TooLarge)])
def test_drafts_that_do_not_fit(changes, error):
    with pytest.raises(error):
        images.draft(IMAGE, changes, LIMITS)


def test_states():
    assert states.may("queued", "saving") and not states.may("active", "saving")
    for state, following in states.TRANSITIONS.items():
        assert following <= set(states.TRANSITIONS) and (state == "deleted" or "deleted" in following)
    with pytest.raises(errors.Conflict, match="from active to saving is not allowed"):
        states.require("active", "saving")
