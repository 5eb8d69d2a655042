#!/usr/bin/python3
"""Print RabbitMQ definitions: virtual hosts, users and permissions, as a node loads them when it starts.

usage: rabbit_definitions.py [USER PASSWORD VHOST[,VHOST...]]...   (passwords may come as env:NAME)

A node that loads a file is ready at once, where `rabbitmqctl` would start an Erlang machine per user.
The salt follows from the password, so that unchanged passwords give an unchanged file.
"""

import base64
import hashlib
import json
import os
import sys


def password_hash(password: str) -> str:
    """RabbitMQ's `rabbit_password_hashing_sha256`: base64(salt + sha256(salt + password)), 4 bytes of salt."""
    salt = hashlib.sha256(b"salt" + password.encode()).digest()[:4]
    return base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()


def main(args: list[str]) -> None:
    """Read triples from the command line and print the JSON document."""
    vhosts: dict[str, None] = {}
    users, permissions = [], []
    for name, password, hosts in zip(args[0::3], args[1::3], args[2::3], strict=True):
        if password.startswith("env:"):
            password = os.environ[password[4:]]
        users.append({"name": name, "password_hash": password_hash(password), "tags": [],
                      "hashing_algorithm": "rabbit_password_hashing_sha256", "limits": {}})
        for vhost in hosts.split(","):
            vhosts[vhost] = None
            permissions.append({"user": name, "vhost": vhost, "configure": ".*", "write": ".*", "read": ".*"})
    json.dump({"vhosts": [{"name": v} for v in vhosts], "users": users, "permissions": permissions},
              sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main(sys.argv[1:])
