#!/usr/bin/env python3
"""Take a machine out of the cloud's books: machine.py NAME check|forget.

`check` fails when servers still live there. `forget` removes its compute service (and with it its resource provider) and its
network agents. Settings come as environment variables from stack.sh's functions, as for contents.py.
"""

import os
import sys
from typing import Any

import openstack
from openstack import exceptions


def connect() -> Any:
    """The administrator's connection."""
    return openstack.connect(
        auth_url=os.environ["STACK_AUTH_URL"], username="admin", password=os.environ["STACK_ADMIN_PASSWORD"],
        project_name="admin", user_domain_name="Default", project_domain_name="Default", region_name=os.environ["STACK_REGION"],
        load_yaml_config=False, load_envvars=False, app_name="devstack")


def main(name: str, action: str) -> int:
    """Do it; the exit status."""
    try:
        admin = connect()
        if action == "check":
            servers = [s.name for s in admin.compute.servers(all_projects=True, compute_host=name)]
            if servers:
                print(f"servers are still on {name}: {', '.join(servers[:10])}; move or delete them first", file=sys.stderr)
            return 1 if servers else 0
        for service in [s for s in admin.compute.services() if s.host == name]:
            admin.compute.delete_service(service)
            print(f"removed {service.binary} of {name}")
        for provider in admin.placement.get("/resource_providers", params={"name": name}).json()["resource_providers"]:
            admin.placement.delete(f"/resource_providers/{provider['uuid']}")
            print(f"removed resource provider {name}")
        for agent in list(admin.network.agents(host=name)):
            admin.network.delete_agent(agent)
            print(f"removed {agent.agent_type} of {name}")
    except (exceptions.SDKException, OSError) as e:
        print(f"{type(e).__name__}: {e}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
