"""How dear tokens are: CPU of issue and validation, and of long lists. Run: python tests/bench/identity_tokens.py

Prints milliseconds of CPU of this process per request (WSGI app on SQLite, no HTTP server), and the ratio of issuing a
token to the bare password hash.
"""

import os
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "api", "identity"))

from tests_identity_cloud import Caller, Cloud


def cpu_ms(work, times):
    """CPU milliseconds of one call of `work`."""
    work()
    start = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - start) / times * 1000


def main():
    """Measure and print."""
    import logging

    logging.disable(logging.CRITICAL)
    cloud = Cloud(tempfile.mkdtemp(), identity__password_hash_rounds=12)
    demo = cloud.demo()
    scope = {"project": {"id": cloud.projects["demo"]}}
    service = cloud.login("nova", "nova", {"project": {"name": "service", "domain": {"id": "default"}}})
    stored = cloud.state.hasher.hash("x")
    bare = cpu_ms(lambda: cloud.state.hasher.check("x", stored), 5)
    issue = cpu_ms(lambda: cloud.issue(cloud.auth("demo", "demo", scope)), 5)
    print(f"password hash {bare:.1f} ms; token issue {issue:.1f} ms; ratio {issue / bare:.3f}")
    known = cpu_ms(lambda: service("GET", "/v3/auth/tokens", X_Subject_Token=demo.token), 500)
    print(f"validate a known token {known:.2f} ms (budget 1)")

    def fresh():
        cloud.state.tokens._found.clear()
        service("GET", "/v3/auth/tokens", X_Subject_Token=demo.token)

    print(f"validate two unknown tokens {cpu_ms(fresh, 100):.2f} ms")
    rescope = {"auth": {"identity": {"methods": ["token"], "token": {"id": demo.token}}, "scope": scope}}
    print(f"issue by token {cpu_ms(lambda: cloud.issue(rescope), 100):.2f} ms")
    print(f"get one user {cpu_ms(lambda: cloud.admin('GET', '/v3/users/' + cloud.made['admin_id']), 300):.2f} ms (budget 2)")
    fill(cloud, 10000)
    admin = Caller(cloud.app, cloud.admin.token)
    print(f"list of 10,000 projects {cpu_ms(lambda: admin.call('GET', '/v3/projects'), 3):.0f} ms")
    print(f"page of 1,000 projects {cpu_ms(lambda: admin.call('GET', '/v3/projects?limit=1000'), 5):.0f} ms")


def fill(cloud, number):
    """Put `number` projects into the database."""
    from services.identity.db.models import Project

    with cloud.db.write() as session:
        session.add_all(Project(id=f"{n:032x}", name=f"p{n}", domain_id="default", parent_id="default", is_domain=False,
                                enabled=True, description="", options={}, extra={}) for n in range(number))


if __name__ == "__main__":
    main()
