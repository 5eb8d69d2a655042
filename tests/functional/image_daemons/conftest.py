"""One cloud of identity and image for all tests of this folder."""

import pytest

from tests.functional.common.conftest import mysql_url, rabbit_url  # noqa: F401  (fixtures)
from tests.functional.image_daemons.cloud import ImageCloud


@pytest.fixture(scope="package")
def cloud(mysql_url, rabbit_url, tmp_path_factory):  # noqa: F811
    made = ImageCloud(tmp_path_factory.mktemp("image"), mysql_url.render_as_string(hide_password=False), rabbit_url)
    try:
        made.start()
        made.api = made.connect().image
        yield made
    finally:
        made.close()
