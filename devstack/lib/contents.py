#!/usr/bin/env python3
"""Give stack.sh's cloud its contents (common/contents.py).

Settings come as environment variables from stack.sh (`contents` there). Prints a line for each thing it makes; a failure
is one line that says what was being made. Safe to repeat.
"""

import os
import sys

from common import contents, errors


def setting(name: str) -> str:
    """A setting from stack.sh; empty when unset."""
    return os.environ.get(f"STACK_{name}", "")


def main() -> int:
    """Make everything that the services of this cloud call for; the exit status."""
    first, _, last = setting("PUBLIC_POOL").partition("-")
    plan = contents.Plan(
        auth_url=setting("AUTH_URL"), admin_password=setting("ADMIN_PASSWORD"), demo_password=setting("DEMO_PASSWORD"),
        services=frozenset(setting("SERVICES").split()), image=setting("IMAGE_FILE"), region=setting("REGION"),
        image_name=setting("IMAGE_NAME"), physical_network=setting("PHYSICAL_NETWORK"), public_cidr=setting("PUBLIC_CIDR"),
        public_gateway=setting("PUBLIC_GATEWAY"), public_pool=(first, last), private_cidr=setting("PRIVATE_CIDR"),
        private_dns=tuple(setting("PRIVATE_DNS").split()), volume_backend=setting("VOLUME_BACKEND"),
        wait_for=frozenset(s for s in ("network", "compute") if setting(f"WAIT_{s.upper()}")))
    try:
        contents.make(plan, lambda text: print("made", text, flush=True))
    except errors.ConfigError as e:
        print(e, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
