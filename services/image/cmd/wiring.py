"""What both daemons need: the schema, the stores and the staging folder."""

import os
from typing import Any

from oslo_config import cfg

from common import errors
from services.image.drivers import Stores, load_stores, options
from services.image.drivers.base import StoreError
from services.image.drivers.staging import Staging


def storage(conf: cfg.ConfigOpts) -> tuple[Stores, Staging]:
    """The stores and the staging folder, started; errors.ConfigError with one line when one cannot be used."""
    options.register(conf)
    settings: Any = conf["import"]
    staging = Staging(settings.staging_dir or os.path.join(conf.state_path, "staging"))
    try:
        staging.start()
        return load_stores(conf), staging
    except StoreError as e:
        raise errors.ConfigError(f"{conf.prog}: image stores: {e}") from e

