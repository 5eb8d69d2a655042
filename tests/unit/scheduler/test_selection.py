"""Choosing hosts and claiming on them."""

from collections import Counter

from common.db.session import counted
from services.scheduler.domain import allocations
from services.scheduler.domain.allocations import Change
from services.scheduler.domain.index import Index


def test_a_server_gets_a_host_and_an_allocation(cloud):
    made = cloud.hosts(3)
    request = cloud.request()
    answer = cloud.select(request)[0]
    assert made[answer["host"]] == answer["provider_id"]
    assert answer["allocations"] == {answer["provider_id"]: {"resources": request["resources"]}}
    assert len(answer["alternates"]) == 2
    assert cloud.used_is_right()


def test_the_same_request_again_gives_the_same_answer(cloud):
    cloud.hosts(20)
    request = cloud.request()
    first = cloud.select(request)
    assert all(cloud.select(request) == first for _ in range(3))
    assert cloud.used_is_right()


def test_a_retry_elsewhere_replaces_the_claim(cloud):
    cloud.hosts(2)
    request = cloud.request()
    first = cloud.select(request)[0]["host"]
    request["ignore_hosts"] = [first]
    second = cloud.select(request)[0]
    assert second["host"] != first
    with cloud.database.read() as session:
        have = allocations.of_consumers(session, [request["consumer_id"]])
    assert list(have[request["consumer_id"]]) == [second["provider_id"]]
    assert cloud.used_is_right()


def test_a_move_keeps_what_there_is(cloud):
    cloud.hosts(2)
    request = cloud.request()
    first = cloud.select(request)[0]
    move = {**request, "ignore_hosts": [first["host"]], "allow_existing": True}
    second = cloud.select(move)[0]
    assert cloud.select(move)[0] == second
    with cloud.database.read() as session:
        have = allocations.of_consumers(session, [request["consumer_id"]])[request["consumer_id"]]
    assert have == {first["provider_id"]: request["resources"], second["provider_id"]: request["resources"]}
    assert cloud.used_is_right()


def test_a_batch_spreads_and_is_claimed_in_few_queries(cloud):
    cloud.hosts(10)
    cloud.select(cloud.request())
    requests = [cloud.request() for _ in range(40)]
    with counted(cloud.database) as seen:
        answers = cloud.select(*requests)
    spread = Counter(a["host"] for a in answers)
    assert len(spread) == 10 and max(spread.values()) <= 5
    assert len(seen) <= 16, seen
    assert cloud.used_is_right()


def test_what_a_scheduler_claimed_itself_it_need_not_read_again(cloud):
    cloud.hosts(5)
    request = cloud.request()
    first = cloud.select(request)[0]
    cloud.select({**request, "ignore_hosts": [first["host"]]})  # takes back as well as claims
    with counted(cloud.database) as seen:
        cloud.select(cloud.request())
    assert not [s for s in seen if "FROM hosts GROUP BY" in s or s.startswith("SELECT resource_providers.id")], seen
    index, fresh = cloud.selector.index, Index()
    with cloud.database.read() as session:
        fresh.refresh(session)
    for number, provider in fresh.providers.items():
        mine = index.providers[number]
        assert (mine.generation, mine.revision) == (provider.generation, provider.revision)
        assert {n: (i.used, i.free) for n, i in mine.inv.items()} == {n: (i.used, i.free) for n, i in provider.inv.items()}


def test_a_batch_larger_than_the_cloud_places_what_fits(cloud):
    cloud.hosts(2, vcpus=2)
    answers = cloud.select(*[cloud.request() for _ in range(5)])
    assert sum("host" in a for a in answers) == 4
    refused = next(a for a in answers if "error" in a)
    assert refused["public_error"] == "No valid host was found. There are not enough hosts available."
    assert "other servers of this request" in refused["error"]
    assert cloud.used_is_right()


def test_no_valid_host_says_what_each_filter_removed(cloud):
    cloud.hosts(3, up=False)
    cloud.hosts(2, availability_zone="b")
    answer = cloud.select(cloud.request(availability_zone="c"))[0]
    assert answer["filtered"][0] == ["Placement", 5]
    assert "ComputeFilter removed 3 (2 left)" in answer["error"]
    assert "AvailabilityZoneFilter removed 2 (0 left)" in answer["error"]
    assert "ComputeFilter" not in answer["public_error"]


def test_no_valid_host_says_which_resource_is_short(cloud):
    cloud.hosts(3, ram=256)
    answer = cloud.select(cloud.request())[0]
    assert "VCPU 1: 3" in answer["error"] and "MEMORY_MB 512: 0" in answer["error"]


def test_an_unknown_trait_is_no_valid_host(cloud):
    cloud.hosts(1)
    answer = cloud.select(cloud.request(required=["CUSTOM_NOT_THERE"]))[0]
    assert "CUSTOM_NOT_THERE" in answer["error"]


def test_a_wanted_host_is_chosen(cloud):
    cloud.hosts(5)
    assert cloud.select(cloud.request(host="h3"))[0]["host"] == "h3"
    assert cloud.select(cloud.request(node="h2"))[0]["host"] == "h2"
    assert "error" in cloud.select(cloud.request(host="h9"))[0]


def test_anti_affinity_holds_within_a_batch(cloud):
    cloud.hosts(3)
    group = {"policy": "anti-affinity", "rules": {}, "hosts": [], "members": 0}
    answers = cloud.select(*[cloud.request(group=group) for _ in range(4)])
    hosts = [a["host"] for a in answers if "host" in a]
    assert len(hosts) == len(set(hosts)) == 3


def test_affinity_holds_within_a_batch(cloud):
    cloud.hosts(4)
    group = {"policy": "affinity", "rules": {}, "hosts": [], "members": 0}
    answers = cloud.select(*[cloud.request(group=group) for _ in range(4)])
    assert len({a["host"] for a in answers}) == 1


def test_a_claim_that_collides_goes_to_the_next_host(cloud):
    made = cloud.hosts(2, vcpus=1)
    selector = cloud.selector
    request = cloud.request()
    write, stolen = selector._write, []

    def late(chosen, existing):
        if not stolen:
            taken = chosen[0][1].host.provider.uuid
            stolen.append(taken)
            allocations.replace(cloud.database, [Change("11111111-1111-1111-1111-111111111111", {taken: {"VCPU": 1}}, "p", "u")])
        write(chosen, existing)

    selector._write = late
    answer = selector.select([request])[0]
    assert answer["provider_id"] in set(made.values()) - set(stolen)
    assert cloud.used_is_right()


def test_a_consumer_that_was_made_meanwhile_ends_with_one_claim(cloud):
    made = cloud.hosts(3)
    selector, request = cloud.selector, cloud.request()
    write = selector._write

    def late(chosen, existing):
        other = next(u for u in made.values() if u != chosen[0][1].host.provider.uuid)
        allocations.replace(cloud.database, [Change(request["consumer_id"], {other: {"VCPU": 1}}, "p", "u")])
        write(chosen, existing)

    selector._write = late
    answer = selector.select([request])[0]
    with cloud.database.read() as session:
        have = allocations.of_consumers(session, [request["consumer_id"]])[request["consumer_id"]]
    assert have == {answer["provider_id"]: request["resources"]} and cloud.used_is_right()


def test_a_decision_with_its_claim_takes_five_statements(cloud):
    cloud.hosts(5)
    cloud.select(cloud.request())
    with counted(cloud.database) as seen:
        cloud.select(cloud.request())
    assert [s.split()[0] for s in seen if not s.startswith("BEGIN")] == ["SELECT", "UPDATE", "UPDATE", "INSERT", "INSERT"], seen


def test_hosts_that_did_not_change_are_not_written(cloud):
    made = cloud.hosts(3)
    with counted(cloud.database) as seen:
        cloud.tell({h: {"provider_id": u} for h, u in made.items()})
    assert not [s for s in seen if s.startswith(("UPDATE", "INSERT"))]
