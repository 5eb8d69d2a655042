"""Each service's migrations on MariaDB make exactly what its models say."""

import pytest

from common import service as services
from common.db import migrations


@pytest.mark.parametrize("service", list(services.installed().values()), ids=lambda s: s.name)
def test_migrations_make_what_the_models_say(service, database):
    assert migrations.status(service.db_package, database).current is None
    assert migrations.upgrade(service.db_package, database).up_to_date
    assert migrations.differences(service.db_package, database) == []
    assert migrations.upgrade(service.db_package, database).up_to_date, "a repeat does no harm"
