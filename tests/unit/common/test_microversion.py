"""Which microversion a request gets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common import errors
from common.http.microversion import Microversions, Version

SPEC = Microversions("compute", "2.1", "2.100", legacy="X-OpenStack-Nova-API-Version")


@pytest.mark.parametrize(("header", "legacy", "wanted"), [
    (None, None, "2.1"), ("compute 2.19", None, "2.19"), ("Compute  2.19 ", None, "2.19"), ("compute latest", None, "2.100"),
    ("volume 3.5", None, "2.1"), ("volume 3.5, compute 2.9", None, "2.9"), (None, "2.7", "2.7"), ("compute 2.8", "2.7", "2.8")])
def test_the_header_chooses(header, legacy, wanted):
    assert str(SPEC.choose(header, legacy)) == wanted


@pytest.mark.parametrize("header", [
    "compute", "compute 2", "compute 2.x", "compute 2.01", "compute 02.1", "compute 2.1.1", "compute -2.1"])
def test_malformed_is_a_bad_request(header):
    with pytest.raises(errors.BadRequest):
        SPEC.choose(header, None)


@pytest.mark.parametrize("header", ["compute 2.0", "compute 2.101", "compute 3.1", "compute 1.1"])
def test_out_of_range_is_not_acceptable_and_says_the_range(header):
    with pytest.raises(errors.NotAcceptable, match="Minimum is 2.1 and maximum is 2.100"):
        SPEC.choose(header, None)


@given(st.tuples(st.integers(1, 99), st.integers(0, 999)), st.tuples(st.integers(1, 99), st.integers(0, 999)))
def test_versions_are_ordered_as_numbers(a, b):
    assert (Version.parse(f"{a[0]}.{a[1]}") < Version.parse(f"{b[0]}.{b[1]}")) == (a < b)


def test_the_answer_names_the_version():
    assert SPEC.headers(Version(2, 19)) == {
        "OpenStack-API-Version": "compute 2.19", "X-OpenStack-Nova-API-Version": "2.19",
        "Vary": "OpenStack-API-Version, X-OpenStack-Nova-API-Version"}
