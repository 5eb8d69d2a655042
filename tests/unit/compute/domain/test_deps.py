"""What boots name is asked of other services once in a while."""

from types import SimpleNamespace

from services.compute.domain.deps import Deps


def deps():
    return Deps(*[None] * 7)


def test_good_answers_last_for_the_same_token_only():
    made, asked = deps(), []

    def look():
        asked.append(1)
        return {"status": "active"}

    def ask(token):
        return made.remember(SimpleNamespace(auth_token=token), "image", "i", look, lambda image: image["status"] == "active")

    assert ask("a") == ask("a") == {"status": "active"} and len(asked) == 1
    ask("b")
    assert len(asked) == 2


def test_other_answers_are_asked_for_again():
    made, asked = deps(), []

    def look():
        asked.append(1)
        return {"status": "queued"}

    for _ in range(2):
        made.remember(SimpleNamespace(auth_token="a"), "image", "i", look, lambda image: image["status"] == "active")
    assert len(asked) == 2
