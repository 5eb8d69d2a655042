"""What people and their programs log in with: an `openrc` to source, and entries of a clouds.yaml."""

import json
import os
import shlex
from collections.abc import Mapping
from typing import Any

NAMES = {"altostack": "demo", "altostack-admin": "admin"}  # cloud: its user, in the project of the same name


def clouds(auth_url: str, region: str, passwords: Mapping[str, str]) -> dict[str, Any]:
    """clouds.yaml's entries; `passwords` maps a user's name to its password."""
    return {
        name: {
            "auth": {"auth_url": auth_url, "username": user, "password": passwords[user], "project_name": user,
                     "user_domain_name": "Default", "project_domain_name": "Default"},
            "region_name": region, "identity_api_version": 3,
        }
        for name, user in NAMES.items()
    }


def openrc(auth_url: str, region: str, passwords: Mapping[str, str], path: str = "") -> str:
    """A file for `source openrc [USER [PROJECT]]`: the administrator without arguments. `path` is put at the end of PATH."""
    known = "\n".join(f"    {user}) OS_PASSWORD={shlex.quote(password)} ;;" for user, password in passwords.items())
    extra = f'case :$PATH: in *:{path}:*) ;; *) export PATH=$PATH:{path} ;; esac\n' if path else ""
    return f"""# source openrc [USER [PROJECT]]: environment of the openstack command; the administrator without arguments.
_user=${{1:-admin}}
_project=${{2:-$_user}}
case $_user in
{known}
    *) [ -n "$OS_PASSWORD" ] || echo "set OS_PASSWORD to $_user's password" ;;
esac
export OS_PASSWORD
export OS_USERNAME=$_user OS_PROJECT_NAME=$_project
export OS_USER_DOMAIN_NAME=Default OS_PROJECT_DOMAIN_NAME=Default
export OS_AUTH_URL={shlex.quote(auth_url)} OS_IDENTITY_API_VERSION=3 OS_REGION_NAME={shlex.quote(region)}
unset OS_CLOUD OS_SYSTEM_SCOPE OS_TOKEN
{extra}unset _user _project
"""


def write(folder: str, auth_url: str, region: str, passwords: Mapping[str, str]) -> None:
    """Write `folder`/openrc and `folder`/clouds.yaml, for their owner's eyes only."""
    write_private(os.path.join(folder, "openrc"), openrc(auth_url, region, passwords))
    # JSON is YAML, and needs no library to write
    text = json.dumps({"clouds": clouds(auth_url, region, passwords)}, indent=2)
    write_private(os.path.join(folder, "clouds.yaml"), text + "\n")


def write_private(path: str, text: str) -> None:
    """(Over)write a file that only its owner may read."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as f:
        f.write(text)
