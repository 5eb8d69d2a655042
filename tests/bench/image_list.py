"""Listing 10,000 images: a page of 1,000, all pages, a filter, one image; milliseconds of CPU and queries per request.

    python tests/bench/image_list.py [IMAGES] [DATABASE-URL]
"""

import pathlib
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))

from common import ids
from common.db.session import counted
from common.testing.api import Persona
from services.image.domain import images
from tests.api.image.support import PROJECT, make_site


def main() -> None:
    number = int(sys.argv[1] if len(sys.argv) > 1 else 10_000)
    with tempfile.TemporaryDirectory() as name, ids.seeded(1):
        options = {"database__connection": sys.argv[2]} if len(sys.argv) > 2 else {}
        site = make_site(pathlib.Path(name), **options)
        values = {"name": "n", "disk_format": "raw", "container_format": "bare"}
        with site.state.db.write() as session:
            for i in range(number):
                made = images.create(session, site.state.limits, site.state.room(None), PROJECT, {**values, "name": f"image-{i}"},
                                     {"os_distro": "debian", "os_version": str(i % 13)}, ["a", "b"])
        client = site.client(Persona("member", PROJECT))

        def measure(what: str, *paths: str) -> None:
            began = time.process_time()
            with counted(site.state.db) as seen:
                for path in paths:
                    client.get(path)
            spent = (time.process_time() - began) * 1000
            print(f"{what:28} {spent / len(paths):8.1f} ms CPU  {len(seen) / len(paths):4.1f} queries")

        measure("page of 1,000", *["/v2/images?limit=1000"] * 5)
        measure("page of 25", *["/v2/images"] * 20)
        measure("by property", *["/v2/images?os_version=7&limit=100"] * 5)
        measure("by name", *["/v2/images?name=image-77"] * 20)
        measure("one image", *[f"/v2/images/{made.id}"] * 50)
        began, pages, path = time.process_time(), 0, "/v2/images?limit=1000&sort=name:asc"
        while path:
            path, pages = client.get(path).get("next", ""), pages + 1
        print(f"{f'all of {number} by name':28} {(time.process_time() - began) * 1000:8.1f} ms CPU in {pages} pages")


if __name__ == "__main__":
    main()
