"""Token validation over HTTP: CPU in identity. (`identity_tokens.py` measures it without the HTTP server.)

    python -m tests.bench.tokens [ROUNDS]
"""

import sys

from tests.bench.requests_cost import cost
from tests.bench.support import Client, Embedded, show


def main() -> None:
    """Measure and print."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    with Embedded() as place:
        client = place.client()
        headers = {"X-Subject-Token": client.token}
        ms, queries = cost(place, lambda: client.http.get(f"{client.auth_url}/auth/tokens", headers=headers).raise_for_status(),
                           "identity", rounds)
        show("GET /v3/auth/tokens of the same token", ms, "ms CPU", 1)
        show("  SQL statements", queries, "")
        others = [place.client() for _ in range(20)]

        def validate_all() -> None:
            for other in others:
                client.http.get(f"{client.auth_url}/auth/tokens", headers={"X-Subject-Token": other.token}).raise_for_status()

        ms, queries = cost(place, validate_all, "identity", max(1, rounds // 20))
        show("GET /v3/auth/tokens of 20 tokens in turn, each", ms / 20, "ms CPU", 1)
        ms, _ = cost(place, lambda: Client(client.auth_url, "admin", place.info["password"], "admin"), "identity", 20)
        show("POST /v3/auth/tokens with a password (embedded profile's hash)", ms, "ms CPU")


if __name__ == "__main__":
    main()
