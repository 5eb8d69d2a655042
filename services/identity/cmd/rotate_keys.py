"""Rotates identity's keys and encrypts stored credentials anew: `python -m services.identity.cmd.rotate_keys`.

To be run on one host by a timer, no oftener than tokens last; then the folders are copied to the other hosts.
"""

import sys

from oslo_config import cfg

from common import config, errors
from common.db.session import Database, Session
from services.identity.config import SERVICE, key_folder
from services.identity.db import credential as credential_db
from services.identity.domain.credential import CredentialKeys
from services.identity.domain.keys import KeyRepository


def run(conf: cfg.ConfigOpts, database: Database) -> int:
    """Rotate every repository of symmetric keys; returns how many credentials were encrypted anew."""
    for group in ("fernet_tokens", "fernet_receipts", "credential_keys"):
        KeyRepository(key_folder(conf, group), conf[group].max_active_keys).rotate()
    keys = CredentialKeys(KeyRepository(key_folder(conf, "credential_keys")))

    def renew(session: Session) -> int:
        done = sum(keys.renew(row) for row in credential_db.every(session))
        session.flush()
        return done

    return database.transaction(renew)


def main() -> int:
    """The command; its exit status."""
    try:
        conf = config.load(SERVICE, "identity-api")
        print(f"keys rotated; {run(conf, Database.from_conf(conf))} credentials encrypted anew")
    except errors.ConfigError as e:
        print(f"rotate_keys: {e}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
