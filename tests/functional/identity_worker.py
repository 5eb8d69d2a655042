"""One of several identity processes: issues tokens and validates everybody's until told to stop, and says what failed."""

import itertools
import json
import os
import pathlib
import sys

from common.db.session import Database
from common.testing.api import make_conf
from services.identity.api.app import make_app
from services.identity.api.state import State
from services.identity.config import SERVICE
from tests.api.identity.tests_identity_cloud import Caller


def main(folder: pathlib.Path, url: str, provider: str, name: str) -> None:
    conf = make_conf(SERVICE, "identity-api", folder, identity__password_hash_rounds=4, database__connection=url,
                     token__provider=provider)
    anonymous = Caller(make_app(State.from_conf(conf, Database.from_conf(conf))))
    user = {"name": "admin", "domain": {"id": "default"}, "password": "secret"}
    body = {"auth": {"identity": {"methods": ["password"], "password": {"user": user}}, "scope": {"system": {"all": True}}}}
    wrong: list[str] = []
    for number in itertools.count():
        made = anonymous.call("POST", "/v3/auth/tokens", body)
        if made.status_code != 201:
            wrong.append(f"issue: {made.status_code} {made.text}")
            continue
        token = made.headers["X-Subject-Token"]
        _publish(folder / f"token-{name}", f"{number} {token}")
        for path in folder.glob("token-?"):
            headers = {"X-Auth-Token": token, "X-Subject-Token": path.read_text().split()[1]}
            seen = anonymous.call("GET", "/v3/auth/tokens", headers=headers)
            if seen.status_code != 200:
                wrong.append(f"validate {path.name}: {seen.status_code} {seen.text}")
        if (folder / "stop").exists():
            print(json.dumps({"rounds": number + 1, "wrong": wrong}))
            return


def _publish(path: pathlib.Path, text: str) -> None:
    new = path.with_name("new-" + path.name)
    new.write_text(text)
    os.replace(new, path)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), *sys.argv[2:])
