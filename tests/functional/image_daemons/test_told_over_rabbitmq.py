"""Notifications as a listener on RabbitMQ gets them: from the API and from the conductor, on upstream's exchange and topic."""

import json

import kombu
import pytest

from tests.functional.image_daemons.cloud import DATA, OCTETS, ask, new, status
from tests.waiting import wait_for

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.timeout(180)]


def test_a_listener_hears_of_an_import(cloud, rabbit_url):
    heard = []
    exchange = kombu.Exchange("glance", type="topic", durable=False)
    queue = kombu.Queue("notifications.info", exchange, "notifications.info", durable=False, auto_delete=False)

    def listen(body, message):
        said = json.loads(body["oslo.message"] if isinstance(body, dict) else json.loads(body)["oslo.message"])
        heard.append((said["event_type"], said["publisher_id"].partition(".")[0], said["payload"]))
        message.ack()

    with kombu.Connection(rabbit_url.replace("rabbit://", "amqp://")) as connection:
        with connection.Consumer(queue, callbacks=[listen], accept=["json"]):
            image = new(cloud)
            assert cloud.api.put(f"/images/{image.id}/stage", data=DATA, headers=OCTETS).status_code == 204
            ask(cloud, image, {"name": "glance-direct"})
            status(cloud, image, "active")

            def all_of_it():
                connection.drain_events(timeout=30)
                return any(event == "task.success" and image.id in str(payload) for event, _, payload in heard)

            wait_for("the import's notifications", all_of_it, 60)
    mine = [event for event, publisher, payload in heard if publisher == "image" and image.id in str(payload)]
    assert mine[:2] == ["image.create", "image.update"]  # by the API
    for event in ("image.prepare", "image.upload", "image.activate", "task.success"):  # by the conductor
        assert event in mine
