"""Schemas refuse in the words that upstream's clients know."""

import pytest

from common import errors
from common.http.microversion import Version
from common.http.validation import FORMATS, Schema, quick, select

NAMED = Schema({"type": "object", "properties": {
    "server": {"type": "object", "properties": {"name": {"type": "string", "minLength": 1, "maxLength": 5},
                                                "port": {"type": "string", "format": "uuid"},
                                                "count": {"type": "integer", "minimum": 1, "default": 7}},
               "required": ["name"], "additionalProperties": False}},
    "required": ["server"], "additionalProperties": False})


@pytest.mark.parametrize(("body", "message"), [
    ({}, "'server' is a required property"),
    ({"server": {}}, "Invalid input for field/attribute server. Value: {}. 'name' is a required property"),
    ({"server": {"name": ""}}, "Invalid input for field/attribute name. Value: . "),
    ({"server": {"name": "toolong"}}, "Invalid input for field/attribute name. Value: toolong. 'toolong' is too long"),
    ({"server": {"name": 1}}, "Invalid input for field/attribute name. Value: 1. 1 is not of type 'string'"),
    ({"server": {"name": "a", "x": 1}}, "Additional properties are not allowed ('x' was unexpected)"),
    ({"server": {"name": "a", "port": "p"}}, "Invalid input for field/attribute port. Value: p. 'p' is not a 'uuid'"),
    ({"server": {"name": "a", "count": True}}, "True is not of type 'integer'"),
    ([], "[] is not of type 'object'"), (None, "None is not of type 'object'"),
])
def test_messages(body, message):
    with pytest.raises(errors.BadRequest) as caught:
        NAMED.validate(body)
    assert message in caught.value.message


def test_what_fits_comes_back_unchanged():
    body = {"server": {"name": "a"}}
    assert NAMED.validate(body) is body and body == {"server": {"name": "a"}}, "defaults are not filled in"


def test_an_api_may_have_words_of_its_own():
    with pytest.raises(errors.BadRequest, match="^name: bad$"):
        NAMED.validate({"server": {"name": 1}}, lambda e: f"{e.path[-1]}: bad")


@pytest.mark.parametrize(("name", "good", "bad"), [
    ("uuid", "6f70656e-7374-6163-6b20-342065766572", "6f70"), ("date-time", "2024-01-31T12:00:00Z", "now"),
    ("ipv4", "10.0.0.1", "::1"), ("ipv6", "::1", "10.0.0.1"), ("ip-address", "::1", "10.0.0.256"),
    ("cidr", "10.0.0.1/8", "10.0.0.1"),
    ("mac-address", "fa:16:3e:00:00:01", "fa:16:3e"), ("uri", "http://x", "x"), ("regex", "a+", "("), ("name", "a b", " a")])
def test_formats(name, good, bad):
    schema = Schema({"type": "string", "format": name})
    assert FORMATS[name](good) and schema.validate(good) == good
    with pytest.raises(errors.BadRequest):
        schema.validate(bad)


def test_the_newest_schema_not_above_the_version_holds():
    old, new = Schema({}), Schema({"type": "object"})
    table = {"2.1": old, "2.19": new, "2.50": None}
    assert select(table, Version(2, 1)) is old and select(table, Version(2, 18)) is old
    assert select(table, Version(2, 19)) is new and select(table, Version(2, 100)) is None
    assert select({"2.19": new}, Version(2, 1)) is None and select(new, Version(2, 1)) is new and select(None, None) is None


@pytest.mark.parametrize(("schema", "fits", "fails"), [
    ({"type": "string", "pattern": "^[a-z]+$"}, ["name"], ["name\n", "Name", 7]),
    ({"pattern": r"^costs \$[0-9]+$"}, ["costs $5"], ["costs 5", "costs $5\n"]),
    ({"type": ["integer", "string"], "pattern": "^[0-9]+$", "minimum": 1}, [1, "1", 2**70, "0"], [0, "x", 1.5, True, None]),
    ({"enum": [True, "true", 1]}, [True, "true", 1, 1.0], [False, "True", 0]),
    ({"type": "string", "format": "uuid"}, ["a" * 32, "5a6f0f4c-0d5e-4b8e-9a50-2b1a5d0f7e11"], ["a" * 31, "{}", ""]),
    ({"type": "string", "format": "date-time"}, ["2026-01-02T03:04:05Z", "2026-01-02"], ["yesterday", ""]),
    ({"type": "string", "format": "ipv4"}, ["10.0.0.1"], ["10.0.0.256", "::1", ""]),
    ({"type": "string", "format": "regex"}, ["^a$"], ["("]),
    ({"type": "object", "patternProperties": {"^[a-z]{1,3}$": {"type": "string"}}, "additionalProperties": False},
     [{}, {"abc": "x"}], [{"abc": 1}, {"abcd": "x"}, {"ab\n": "x"}]),
    ({"type": "array", "items": {"type": "string"}, "uniqueItems": True}, [[], ["a", "b"]], [["a", "a"], [1]]),
])
def test_what_fits_and_what_does_not(schema, fits, fails):
    for value in fits:
        assert Schema(schema).validate(value) == value
    for value in fails:
        with pytest.raises(errors.BadRequest, match="."):
            Schema(schema).validate(value)


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_our_own_formats_stand_before_the_validators(name):
    assert not quick({"format": name}).is_valid("\0 no such thing ( ")
    assert quick({"format": name}).is_valid(7), "formats are asked about texts only"


def test_a_format_that_nobody_knows_is_refused():
    with pytest.raises(ValueError, match="unheard"):
        quick({"format": "unheard of"})
