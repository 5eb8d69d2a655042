"""A conductor that dies in the middle of its work, or is told in the middle of it to delete what it works on."""

from common import clock
from common.saga import Crash


def killed_at(world, at, rounds=3):
    """Let everything happen, with the conductor dying after the `at`th step of any saga and another one taking over; the steps.

    `rounds` is how often the world goes on for 20 s afterwards.
    """
    seen = []

    def die(run, step):
        seen.append(step)
        if len(seen) - 1 == at:
            raise Crash()

    world.new_runner(after_step=die)
    with clock.frozen(clock.time()) as now:
        try:
            world.settle()
        except Crash:
            world.new_runner()
            now.advance(40)
            world.beat()
        for _ in range(rounds):
            world.settle()
            now.advance(20)
            world.beat()
    world.new_runner()
    return seen


def deleted_at(world, at, server_id, kind):
    """From now on the server is asked to be deleted after the `at`th step that is done, if it is one of a saga `kind`."""
    steps = []

    def interrupt(run, step):
        steps.append(step)
        if len(steps) - 1 == at and run.kind == kind:
            world.act(server_id, "server_delete", "delete", "deleting")

    world.new_runner(after_step=interrupt)
