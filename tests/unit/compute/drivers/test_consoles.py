"""How many lines of a console log are given."""

import pytest

from services.compute.drivers.libvirt.consoles import tail


@pytest.mark.parametrize("lines,found", [
    (None, "a\r\nb\r\nc\n"), (-1, "a\r\nb\r\nc\n"), (0, ""), (1, ""), (3, "b\r\nc\n"), (9, "a\r\nb\r\nc\n")])
def test_tail(lines, found):
    assert tail("a\r\nb\r\nc\n", lines) == found
