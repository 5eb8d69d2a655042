"""What no API may fall over: queries and paths that are no numbers, dates, names or texts, or far too long ones."""

import re

_LONG = "9" * 5000  # Python reads no number of so many digits
_TAGS = ",".join(f"t{number}" for number in range(1500))  # SQLite takes no expression that deep
_DEEP = "%7B%27a%27:" + "[" * 2000
_NAMES = ("limit", "offset", "marker", "page_size", "name", "id", "sort_key", "sort_dir", "sort", "fields", "metadata", "mtu",
          "revision_number", "port_range_min", "provider:segmentation_id", "created_at", "changes-since", "size", "min_disk",
          "minDisk", "minRam", "resources", "required", "in_tree", "start", "usage", "detailed", "all_tenants", "project_id")
QUERIES = [f"{name}={value}" for name in _NAMES for value in (_LONG, f"-{_LONG}", f"gt:{_LONG}", "%00", "%ff", "%C2%B2", "")]
QUERIES += [f"{name}={_TAGS}" for name in ("tags", "tags-any", "not-tags", "not-tags-any")]
QUERIES += [f"metadata={_DEEP}", "limit=1&limit=x", "created_at=2026-01-01T00:00:00Z", f"{'a' * 8000}=1", "%00=%00", "%ff=%ff"]
PLACES = [_LONG, f"-{_LONG}", "%00", "%ff", "%C2%B2", "..", "a;b", "%ED%A0%80"]


def failures(client):
    """The GETs of an app, with all of these, that end with a fault of the server: (path, status, text)."""
    found = []
    for path in sorted({row.path for row in client.app.extensions["altostack"].routes if row.method == "GET"}):
        asked = [re.sub("<[^>]+>", place, path) for place in PLACES] if "<" in path else [f"{path}?{q}" for q in QUERIES]
        for url in asked:
            answer = client.request("GET", url)
            if answer.status_code >= 500 and answer.status_code != 501:
                found.append((url[:120], answer.status_code, answer.text[:200]))
    return found
