#!/usr/bin/python3
"""Print RabbitMQ definitions: virtual hosts, users and permissions, as a node loads them when it starts.

usage: rabbit_definitions.py [USER PASSWORD VHOST[,VHOST...]]...   (passwords may come as env:NAME)

VHOST is one of a service's own account, which may do everything there. VHOST:TOPIC:HOST:CONDUCTOR is one of an agent's
account: it may use its own queue TOPIC.HOST (HOST may be *) and queues of replies, send to the topic CONDUCTOR, and nothing
else (what that means to oslo.messaging is in common/rpc/rabbit.py). A node that loads a file is ready at once, where
`rabbitmqctl` would start an Erlang machine per user.
The salt follows from the password, so that unchanged passwords give an unchanged file.
"""

import base64
import hashlib
import json
import os
import re
import sys


def password_hash(password: str) -> str:
    """RabbitMQ's `rabbit_password_hashing_sha256`: base64(salt + sha256(salt + password)), 4 bytes of salt."""
    salt = hashlib.sha256(b"salt" + password.encode()).digest()[:4]
    return base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()


EXCHANGE, REPLIES = "altostack", "altostack_replies"


def exchanges(vhost: str) -> list[dict[str, object]]:
    """The exchanges that an agent may not declare itself, as oslo.messaging declares them."""
    return [{"name": name, "vhost": vhost, "type": kind, "durable": False, "auto_delete": False, "internal": False,
             "arguments": {}} for name, kind in ((EXCHANGE, "topic"), (REPLIES, "direct"))]


def agent_permissions(user: str, vhost: str, topic: str, host: str, conductor: str) -> tuple[dict[str, str], dict[str, str]]:
    """(permissions, topic permissions) of an agent's account; a back end of the host has a queue of its own, HOST@NAME."""
    own = rf"{re.escape(topic)}\.{'.+' if host == '*' else re.escape(host)}(@[^.]+)?"
    queues = rf"{own}|reply_[0-9a-f]{{32}}"
    permissions = {"user": user, "vhost": vhost, "configure": f"^({queues})$", "write": f"^({queues}|{EXCHANGE}|{REPLIES})$",
                   "read": f"^({queues}|{EXCHANGE}|{REPLIES})$"}
    topics = {"user": user, "vhost": vhost, "exchange": EXCHANGE, "write": f"^{re.escape(conductor)}$", "read": f"^{own}$"}
    return permissions, topics


def main(args: list[str]) -> None:
    """Read triples from the command line and print the JSON document."""
    vhosts: dict[str, None] = {}
    users, permissions, topics = [], [], []
    for name, password, hosts in zip(args[0::3], args[1::3], args[2::3], strict=True):
        if password.startswith("env:"):
            password = os.environ[password[4:]]
        users.append({"name": name, "password_hash": password_hash(password), "tags": [],
                      "hashing_algorithm": "rabbit_password_hashing_sha256", "limits": {}})
        for entry in hosts.split(","):
            vhost, *agent = entry.split(":")
            vhosts[vhost] = None
            if agent:
                plain, by_topic = agent_permissions(name, vhost, *agent)
                permissions.append(plain)
                topics.append(by_topic)
            else:
                permissions.append({"user": name, "vhost": vhost, "configure": ".*", "write": ".*", "read": ".*"})
    json.dump({"vhosts": [{"name": v} for v in vhosts], "users": users, "permissions": permissions, "topic_permissions": topics,
               "exchanges": [e for v in vhosts for e in exchanges(v)]}, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main(sys.argv[1:])
