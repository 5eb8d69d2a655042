"""The first contents of a cloud: the administrator, the services' users and the catalog.

`altostack bootstrap` and the embedded profile both make the same `Values` and hand
them to every service that wants them (identity does). Safe to repeat.
"""

import configparser
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from common import config, errors
from common.service import Service, installed, resolve

FILE = "bootstrap.conf"


@dataclass(frozen=True)
class Values:
    """What to make.

    passwords   service name -> password of its user (named as the service)
    urls        daemon name -> base URL (`http://host:port`) that clients use
    """

    admin_password: str
    passwords: Mapping[str, str]
    urls: Mapping[str, str]
    region: str = "RegionOne"
    admin_name: str = "admin"
    admin_project: str = "admin"
    users: list[dict[str, Any]] = field(default_factory=list)

    def to_dict(self, services: Mapping[str, Service]) -> dict[str, Any]:
        """The form that a service's bootstrap function takes."""
        return {
            "admin_username": self.admin_name, "admin_password": self.admin_password,
            "admin_project_name": self.admin_project, "region": self.region,
            "services": [{"name": n, "password": self.passwords[n], "roles": list(s.user_roles)}
                         for n, s in services.items() if n in self.passwords],
            "endpoints": [entry for s in services.values() for entry in self._endpoints(s)],
        }

    def _endpoints(self, service: Service) -> list[dict[str, Any]]:
        found = []
        for endpoint in service.endpoints:
            base = self.urls.get(endpoint.daemon)
            if base is None:
                continue
            url = base.rstrip("/") + endpoint.path
            for kind in (endpoint.type, *endpoint.aliases):
                found.append({"type": kind, "name": endpoint.name if kind == endpoint.type else kind,
                              "region": self.region, "public": url, "internal": url, "admin": url})
        return found


def read(config_dir: str | None) -> Values:
    """Values from `bootstrap.conf` in the configuration folder.

    [admin] password; [passwords] <service>=…; [urls] host=…, or <daemon>=… each; [region] name.
    errors.ConfigError when the file or something in it is missing.
    """
    folder = config_dir or os.environ.get("ALTOSTACK_CONFIG_DIR") or config.CONFIG_DIR
    path = os.path.join(folder, FILE)
    parser = configparser.ConfigParser(interpolation=None)
    try:
        with open(path) as f:
            parser.read_file(f)
        host = parser.get("urls", "host", fallback="127.0.0.1")
        # only what has a password runs here: a catalog must not name what does not answer
        running = set(parser.options("passwords"))
        urls = {d.name: f"http://{host}:{d.port}" for n, s in installed().items() if n in running for d in s.daemons if d.port}
        urls.update({k: v for k, v in parser.items("urls") if k != "host"} if parser.has_section("urls") else {})
        return Values(parser.get("admin", "password"), dict(parser.items("passwords")), urls,
                      parser.get("region", "name", fallback="RegionOne"))
    except OSError as e:
        raise errors.ConfigError(f"bootstrap: cannot read {path}: {e.strerror}") from e
    except configparser.Error as e:
        raise errors.ConfigError(f"bootstrap: {path}: {e}") from e


def run(values: Values, confs: Mapping[str, Any]) -> None:
    """Make the contents; `confs` maps a service's name to its configuration."""
    services = installed()
    for name, service in services.items():
        if service.bootstrap and name in confs:
            resolve(service.bootstrap)(confs[name], values.to_dict(services))
