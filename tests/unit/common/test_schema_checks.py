"""The quick checks of schemas say of every value what jsonschema says, but for line ends that hide behind a `$`."""

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.http.schema_checks import check

TEXTS, NAMES = st.sampled_from(["", "a", "b", "ab", "7"]), st.sampled_from("ab7")
SCALARS = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([0.0, 1.0, 1.5]) | TEXTS
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=6)
SMALL = st.integers(0, 2)
WORDS = {
    "type": st.sampled_from(["object", "array", "string", "integer", "number", "boolean", "null", ["string", "null"],
                             ["integer", "object"]]),
    "enum": st.lists(VALUES, min_size=1, max_size=3), "const": VALUES,
    "minLength": SMALL, "maxLength": SMALL, "pattern": st.sampled_from(["^a", "b", "^[0-9]+$"]),
    "minimum": st.integers(-2, 2), "maximum": st.integers(-2, 2), "exclusiveMinimum": SMALL, "exclusiveMaximum": SMALL,
    "minItems": SMALL, "maxItems": SMALL, "uniqueItems": st.booleans(), "minProperties": SMALL, "maxProperties": SMALL,
    "required": st.lists(st.sampled_from("ab"), max_size=2, unique=True),
    "dependencies": st.just({"a": ["b"]}), "description": st.just("says nothing"),
}


def _schemas(inner):
    named = {"properties": st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
             "patternProperties": st.dictionaries(st.sampled_from(["^a", "[0-9]"]), inner, max_size=2),
             "additionalProperties": inner, "items": inner, "not": inner, "if": inner, "then": inner, "else": inner,
             **dict.fromkeys(("anyOf", "oneOf", "allOf"), st.lists(inner, min_size=1, max_size=2))}
    return st.fixed_dictionaries({}, optional=WORDS | named)


SCHEMAS = st.recursive(st.booleans() | st.fixed_dictionaries({}, optional=WORDS), _schemas, max_leaves=4)


@given(SCHEMAS, st.lists(VALUES, min_size=1, max_size=5))
def test_they_agree_with_jsonschema(schema, values):
    ours, theirs = check(schema, {}), jsonschema.Draft7Validator(schema)
    for value in values:
        assert ours(value) == theirs.is_valid(value), (schema, value)


def test_an_end_is_the_end():
    fits = check({"type": "string", "pattern": "^[a-z]+$"}, {})
    assert fits("name") and not fits("name\n")
    assert check({"pattern": r"\$"}, {})("costs $5"), "a dollar is one where it is escaped"


def test_formats_are_asked_about_texts_only():
    fits = check({"format": "even"}, {"even": lambda text: len(text) % 2 == 0})
    assert fits("ab") and not fits("abc") and fits(7)


def test_a_definition_may_refer_to_itself():
    tree = {"type": "array", "items": {"$ref": "#/definitions/tree"}}
    fits = check({"definitions": {"tree": tree}, "$ref": "#/definitions/tree"}, {})
    assert fits([[], [[]]]) and not fits([[7]])


@pytest.mark.parametrize("schema", [{"$ref": "#/x"}, {"format": "unheard of"}, {"properties": {"a": {"maxlength": 3}}}])
def test_what_is_not_known_is_refused(schema):
    with pytest.raises(ValueError, match="no JSON schema of this project may say"):
        check(schema, {})
