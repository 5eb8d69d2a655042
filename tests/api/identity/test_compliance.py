"""Lock-out, password history, expiry, forced change, strength."""

from common import clock


def change(cloud, user, old, new, status=204):
    body = {"user": {"original_password": old, "password": new}}
    return cloud.anonymous("POST", f"/v3/users/{user}/password", body, status)


def test_lock_out(make_cloud):
    cloud = make_cloud(security_compliance__lockout_failure_attempts=2, security_compliance__lockout_duration=60)
    cloud.user("ann")
    free = cloud.user("free", options={"ignore_lockout_failure_attempts": True})
    with clock.frozen(clock.time()) as time:
        for _ in range(2):
            assert cloud.issue(cloud.auth("ann", "no")).status_code == 401
            cloud.issue(cloud.auth("free", "no"))
        assert cloud.issue(cloud.auth("ann", "pw")).status_code == 401
        assert cloud.issue(cloud.auth("free", "pw")).status_code == 201 and free
        time.advance(61)
        assert cloud.issue(cloud.auth("ann", "no")).status_code == 401
        assert cloud.issue(cloud.auth("ann", "pw")).status_code == 201


def test_self_service_change_and_history(make_cloud):
    cloud = make_cloud(security_compliance__unique_last_password_count=3)
    ann = cloud.user("ann")
    caller = cloud.login("ann", "pw")
    change(cloud, ann, "wrong", "two", 401)
    change(cloud, ann, "pw", "pw", 400)
    change(cloud, ann, "pw", "two")
    assert not cloud.valid(caller.token)
    assert cloud.issue(cloud.auth("ann", "pw")).status_code == 401
    change(cloud, ann, "two", "pw", 400)
    change(cloud, ann, "two", "three")
    change(cloud, ann, "three", "four")
    change(cloud, ann, "four", "pw")
    cloud.admin("PATCH", f"/v3/users/{ann}", {"user": {"password": "four"}})  # an administrator is not bound by history


def test_expiry(make_cloud):
    cloud = make_cloud(security_compliance__password_expires_days=1)
    ann = cloud.user("ann")
    shown = cloud.admin("GET", f"/v3/users/{ann}")["user"]["password_expires_at"]
    assert shown and not shown.endswith("Z")
    assert ann in [u["id"] for u in cloud.admin("GET", "/v3/users?password_expires_at=gt:2000-01-01T00:00:00Z")["users"]]
    assert cloud.admin("GET", "/v3/users?password_expires_at=lt:2000-01-01T00:00:00Z")["users"] == []
    with clock.frozen(clock.time() + 90000) as time:
        response = cloud.issue(cloud.auth("ann", "pw"))
        assert response.status_code == 401
        assert response.get_json()["error"]["message"] == (
            f"The password is expired and needs to be changed for user: {ann}.")
        change(cloud, ann, "pw", "two")
        time.advance(1)  # tokens of the very microsecond of the change die with the old password
        assert cloud.issue(cloud.auth("ann", "two")).status_code == 201


def test_change_upon_first_use(make_cloud):
    cloud = make_cloud(security_compliance__change_password_upon_first_use=True)
    ann = cloud.user("ann")
    assert cloud.issue(cloud.auth("ann", "pw")).status_code == 401
    change(cloud, ann, "pw", "two")
    assert cloud.issue(cloud.auth("ann", "two")).status_code == 201


def test_strength_and_age(make_cloud):
    cloud = make_cloud(security_compliance__password_regex="^.{6,}$", security_compliance__minimum_password_age=1,
                       security_compliance__password_regex_description="six characters")
    error = cloud.admin("POST", "/v3/users", {"user": {"name": "x", "password": "short"}}, 400)["error"]
    assert error["message"] == "The password does not match the requirements: six characters."
    ann = cloud.user("ann", "long enough")
    change(cloud, ann, "long enough", "weak", 400)
    change(cloud, ann, "long enough", "another one")
    with clock.frozen(clock.time() + 90000):
        change(cloud, ann, "another one", "a third one")
    shown = cloud.demo()("GET", "/v3/domains/default/config/security_compliance")["config"]["security_compliance"]
    assert shown == {"password_regex": "^.{6,}$", "password_regex_description": "six characters"}


def test_inactive_users(make_cloud):
    cloud = make_cloud(security_compliance__disable_user_account_days_inactive=2)
    ann = cloud.user("ann")
    start = clock.time()
    with clock.frozen(start + 86400):
        assert cloud.issue(cloud.auth("ann", "pw")).status_code == 201
    with clock.frozen(start + 5 * 86400):
        assert cloud.issue(cloud.auth("ann", "pw")).status_code == 401
        admin = cloud.login("admin", "secret", {"system": {"all": True}})
        assert admin("GET", f"/v3/users/{ann}")["user"]["enabled"] is False
        admin("PATCH", f"/v3/users/{ann}", {"user": {"enabled": True}})
        assert cloud.issue(cloud.auth("ann", "pw")).status_code == 201


def test_long_passwords_are_cut_as_upstream_cuts_them(cloud):
    cloud.user("long", "x" * 100)
    assert cloud.issue(cloud.auth("long", "x" * 72)).status_code == 201
    assert cloud.issue(cloud.auth("long", "x" * 71)).status_code == 401
    cloud.admin("POST", "/v3/users", {"user": {"name": "y", "password": "x" * 5000}}, 201)


def test_scrypt(make_cloud):
    cloud = make_cloud(identity__password_hash_algorithm="scrypt")
    assert cloud.issue(cloud.auth("demo", "demo")).status_code == 201
    assert cloud.issue(cloud.auth("demo", "no")).status_code == 401


def test_an_administrators_reset_unlocks(make_cloud):
    cloud = make_cloud(security_compliance__lockout_failure_attempts=1)
    ann = cloud.user("ann")
    assert cloud.issue(cloud.auth("ann", "no")).status_code == 401
    assert cloud.issue(cloud.auth("ann", "pw")).status_code == 401
    cloud.admin("PATCH", f"/v3/users/{ann}", {"user": {"password": "new"}})
    assert cloud.issue(cloud.auth("ann", "new")).status_code == 201


def test_a_password_taken_away(make_cloud):
    cloud = make_cloud(security_compliance__unique_last_password_count=1)
    ann = cloud.user("ann")
    caller = cloud.login("ann", "pw")
    change(cloud, ann, "pw", "pw", 400)
    cloud.admin("PATCH", f"/v3/users/{ann}", {"user": {"password": None}})
    assert not cloud.valid(caller.token)
    for text in ("pw", ""):
        assert cloud.issue(cloud.auth("ann", text)).status_code == 401
        change(cloud, ann, text, "x", 401)
    cloud.admin("PATCH", f"/v3/users/{ann}", {"user": {"password": "pw"}})
    assert cloud.issue(cloud.auth("ann", "pw")).status_code == 201


def test_no_password_matches_no_pattern(make_cloud):
    cloud = make_cloud(security_compliance__password_regex="^.{4,}$")
    for method, path in (("POST", "/v3/users"), ("PATCH", f"/v3/users/{cloud.made['admin_id']}")):
        response = cloud.admin.call(method, path, {"user": {"name": "x", "password": None}})
        assert response.status_code == 400 and "must be a string" in response.get_json()["error"]["message"]
    cloud.admin("POST", "/v3/users", {"user": {"name": "y"}}, 201)


def test_only_ones_own_change_has_to_age(make_cloud):
    cloud = make_cloud(security_compliance__minimum_password_age=1)
    ann = cloud.user("ann")
    change(cloud, ann, "pw", "two")
    refused = cloud.anonymous.call("POST", f"/v3/users/{ann}/password", {"user": {"original_password": "two", "password": "x"}})
    assert refused.status_code == 400 and "it must be used for 1 day(s)" in refused.get_json()["error"]["message"]
    cloud.admin("PATCH", f"/v3/users/{ann}", {"user": {"password": "three"}})
    change(cloud, ann, "three", "four")


def test_the_end_of_a_password_is_shown_also_to_whom_it_does_not_bind(make_cloud):
    cloud = make_cloud(security_compliance__password_expires_days=1)
    ann = cloud.user("ann", options={"ignore_password_expiry": True})
    assert cloud.admin("GET", f"/v3/users/{ann}")["user"]["password_expires_at"]
    with clock.frozen(clock.time() + 2 * 86400):
        assert cloud.issue(cloud.auth("ann", "pw")).status_code == 201
