"""What is thrown away by itself, because nothing can depend on it any more."""

from oslo_config import cfg

from common import clock
from common.db.session import Session
from services.identity.db import token as token_db


def tidy(session: Session, conf: cfg.ConfigOpts) -> int:
    """Forget revocation events older than any token that may be shown; returns how many."""
    kept_s = conf.token.expiration + conf.token.allow_expired_window + 1800
    return token_db.prune(session, clock.after(-kept_s))
