"""The three doors: time, chance and other programs."""

import datetime
import os
import signal
import sys
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common import clock, ids, process


def test_a_frozen_clock_moves_only_when_told():
    with clock.frozen(1000.0) as now:
        assert clock.time() == clock.monotonic() == 1000.0
        clock.sleep(5)
        assert clock.time() == 1005.0
        assert not clock.wait(threading.Event(), 10) and clock.time() == 1015.0
        now.advance(0.5)
        assert clock.now() == datetime.datetime(1970, 1, 1, 0, 16, 55, 500000)
        assert clock.after(-1) == datetime.datetime(1970, 1, 1, 0, 16, 54, 500000)
    assert clock.time() > 1_600_000_000


def test_a_set_event_ends_a_wait_at_once():
    event = threading.Event()
    event.set()
    with clock.frozen() as now:
        assert clock.wait(event, 100)
        assert clock.time() == now.now_s == 1_700_000_000.0
    assert clock.wait(event, 100)


def test_times_are_printed_as_apis_print_them():
    when = datetime.datetime(2024, 1, 31, 12, 0, 0, 123456)
    assert clock.iso(when) == "2024-01-31T12:00:00Z"
    assert clock.iso_micro(when) == "2024-01-31T12:00:00.123456"
    assert clock.iso_micro(when.replace(microsecond=0)) == "2024-01-31T12:00:00.000000"
    assert clock.iso(None) is None and clock.iso_micro(None) is None


@pytest.mark.parametrize(("text", "when"), [
    ("2024-01-31T12:00:00Z", (2024, 1, 31, 12)), ("2024-01-31T12:00:00+02:00", (2024, 1, 31, 10)),
    (" 2024-01-31 ", (2024, 1, 31)), ("2024-01-31T12:00:00.000000", (2024, 1, 31, 12))])
def test_times_are_read_as_naive_utc(text, when):
    assert clock.parse(text) == datetime.datetime(*when)


def test_what_is_no_time_is_refused():
    with pytest.raises(ValueError):
        clock.parse("yesterday")


@given(st.datetimes(min_value=datetime.datetime(1900, 1, 1)))
def test_times_survive_being_printed(when):
    assert clock.parse(clock.iso_micro(when)) == when


def test_rising_numbers_rise_whatever_the_clock_does():
    with clock.frozen(clock.time()) as fake:
        made = [ids.rising() for _ in range(2000)]
        fake.advance(1)
        made.append(ids.rising())
    made.append(ids.rising())
    assert made == sorted(set(made)) and made[-1] < 2**63


def test_seeded_ids_repeat_and_others_do_not():
    with ids.seeded(7):
        first = [ids.uuid(), ids.mac(), ids.randint(1, 6), ids.choice("abc"), ids.shuffled([1, 2, 3])]
    with ids.seeded(7):
        assert first == [ids.uuid(), ids.mac(), ids.randint(1, 6), ids.choice("abc"), ids.shuffled([1, 2, 3])]
    assert ids.uuid() != ids.uuid() and ids.secret() != ids.secret()
    assert ids.is_uuid(ids.hex_id()) and len(ids.hex_id()) == 32
    assert ids.request_id().startswith("req-") and ids.mac().startswith("fa:16:3e:") and len(ids.mac()) == 17


@pytest.mark.parametrize(("text", "answer"), [
    ("6f70656e-7374-6163-6b20-342065766572", True), ("6F70656E737461636B20342065766572", True), ("", False), (None, False),
    ("6f70656e-7374-6163-6b20-34206576657", False), ("{6f70656e-7374-6163-6b20-342065766572}", False), (42, False)])
def test_is_uuid(text, answer):
    assert ids.is_uuid(text) is answer


def test_a_program_gives_its_output_and_a_failure_carries_it():
    assert process.run(["cat"], stdin="text") == "text"
    assert process.execute(["sh", "-c", "echo out; echo err >&2; exit 3"]) == (3, "out\n", "err\n")
    with pytest.raises(process.CommandError, match="sh exited with 3: why") as caught:
        process.run(["sh", "-c", "echo why >&2; exit 3"])
    assert caught.value.code == 3 and caught.value.stderr == "why\n"
    assert process.run(["sh", "-c", "echo on; exit 1"], check=False) == "on\n"


def test_a_missing_or_endless_program_is_a_command_error():
    with pytest.raises(process.CommandError, match="/nowhere/x could not be run: No such file"):
        process.run(["/nowhere/x"])
    with pytest.raises(process.CommandError, match="no end within 0 s"):
        process.run(["sleep", "10"], timeout_s=0.05)
    for start in (process.spawn, process.pipe):
        with pytest.raises(process.CommandError):
            start(["/nowhere/x"])


def test_a_spawned_program_lives_in_its_own_session_and_logs(tmp_path):
    child = process.spawn([sys.executable, "-c", "print('hello', flush=True); import time; time.sleep(60)"],
                          log_path=str(tmp_path / "log"))
    try:
        assert os.getsid(child.pid) == child.pid
        deadline = clock.monotonic() + 10
        while "hello" not in (tmp_path / "log").read_text():
            assert clock.monotonic() < deadline
            clock.sleep(0.02)
    finally:
        os.kill(child.pid, signal.SIGKILL)
        child.wait()


def test_a_pipe_streams():
    child = process.pipe(["cat"])
    out, _ = child.communicate(b"x" * 100_000)
    assert len(out) == 100_000 and child.returncode == 0


def test_secret_arguments_stay_out_of_the_log(caplog):
    with caplog.at_level("DEBUG"):
        process.run(["true", "hunter2"], secret=True)
        process.run(["true", "plain"])
    assert "hunter2" not in caplog.text and "plain" in caplog.text


@pytest.mark.parametrize(("text", "number"), [
    ("0", 0), ("007", 7), (5, 5), ("9223372036854775807", 2**63 - 1), ("9223372036854775808", None), ("9" * 5000, None),
    ("0" * 5000 + "1", 1), ("", None), ("-1", None), ("+1", None), (" 1", None), ("²", None), ("１", None), ("1.0", None)])
def test_numbers_in_texts(text, number):
    assert ids.number_in(text) == number
