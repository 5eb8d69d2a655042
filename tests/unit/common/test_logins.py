"""What people log in with reads back as it was meant, whatever a password holds."""

import subprocess

import pytest

from common import logins

PASSWORDS = {"admin": "a'b\"c $HOME `x`", "demo": "plain"}


@pytest.mark.parametrize("arguments,user,project",
                         [("", "admin", "admin"), ("demo", "demo", "demo"), ("admin demo", "admin", "demo")])
def test_openrc_gives_the_environment_of_user_and_project(tmp_path, arguments, user, project):
    logins.write_private(str(tmp_path / "openrc"), logins.openrc("http://h:5000/v3", "RegionOne", PASSWORDS, "/opt/x/bin"))
    shown = 'printf "%s\\n" "$OS_USERNAME" "$OS_PROJECT_NAME" "$OS_PASSWORD" "$PATH"'
    done = subprocess.run(["bash", "-c", f". {tmp_path}/openrc {arguments}; {shown}"], capture_output=True, text=True, check=True)
    name, where, password, path = done.stdout.splitlines()
    assert (name, where, password) == (user, project, PASSWORDS[user]) and path.endswith(":/opt/x/bin")


def test_files_are_for_their_owner_alone_and_name_both_clouds(tmp_path):
    logins.write(str(tmp_path), "http://h:5000/v3", "RegionOne", PASSWORDS)
    for name in ("openrc", "clouds.yaml"):
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600
    assert set(logins.clouds("u", "r", PASSWORDS)) == {"altostack", "altostack-admin"}
