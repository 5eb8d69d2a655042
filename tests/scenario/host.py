"""What is left on the host, in Placement and in the databases of things that were deleted.

Whatever the cloud makes bears the id of what it is for, or the id's first eleven characters (as network devices do). So
one question is put to every place where something could stay: is one of these ids mentioned there?
"""

import os
import pathlib
import re
import time
from collections.abc import Iterable

from tests.scenario.cloud import RUN, STATE, run
from tests.waiting import PATIENCE

PREFIX = "altostack_"  # of the schemas' names
SOCKET = STATE / "mariadb" / "mariadb.sock"
# Folders of the databases, and of the hypervisor's copies of images, which it keeps for a day ([libvirt] image_cache_age_s).
KEPT = {"mariadb", "rabbitmq", "memcached", "_base"}
# Rows that tell what was, and that are kept on purpose: (schema, table) -> condition under which a row is history.
HISTORY = {
    ("compute", "servers"): "deleted = 1",
    ("compute", "server_requests"): "server_id IN (SELECT id FROM altostack_compute.servers WHERE deleted = 1)",
    ("compute", "server_faults"): "1",
    ("compute", "instance_actions"): "1",
    ("compute", "instance_action_events"): "1",
    ("compute", "migrations"): "status NOT IN ('queued', 'preparing', 'running', 'migrating', 'post-migrating')",
    ("compute", "sagas"): "state NOT IN ('running', 'undoing')",
    ("compute", "external_events"): "1",
    ("compute", "project_locks"): "1",
    ("network", "quota_usages"): "used = 0",
    ("volume", "project_locks"): "1",
    ("image", "images"): "deleted = 1",
    ("image", "image_locations"): "status = 'deleted' OR deleted_at IS NOT NULL",
    ("image", "sagas"): "state NOT IN ('running', 'undoing')",
    ("image", "tasks"): "1",
    ("volume", "sagas"): "state NOT IN ('running', 'undoing')",
    ("volume", "tombstones"): "1",
    ("volume", "messages"): "1",
    ("network", "sagas"): "state NOT IN ('running', 'undoing')",
    ("identity", "changes"): "1",
    ("identity", "revocation_events"): "1",
}
# Columns that name whose a thing is, not the thing.
OWNERS = ("project_id", "tenant_id", "owner", "user_id", "target_tenant")


def sql(statement: str) -> list[list[str]]:
    """Rows of a statement, as the machine's root, through the private MariaDB's socket."""
    out = run("mariadb", "--no-defaults", f"--socket={SOCKET}", "--user=root", "--batch", "--skip-column-names",
              input=statement)
    return [line.split("\t") for line in out.splitlines()]


def domains() -> dict[str, str]:
    """Name of every libvirt domain by its UUID."""
    names = [n for n in run("virsh", "-c", "qemu:///system", "list", "--all", "--name").split("\n") if n]
    return {run("virsh", "-c", "qemu:///system", "domuuid", name, check=False).strip(): name for name in names}


def links() -> set[str]:
    """Names of the host's network devices."""
    return set(os.listdir("/sys/class/net"))


def namespaces() -> set[str]:
    """Names of network namespaces."""
    folder = pathlib.Path("/run/netns")
    return set(os.listdir(folder)) if folder.is_dir() else set()


def command_lines() -> dict[int, str]:
    """The command line of every process of the host, but for the tests' own."""
    found = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit() and int(entry) != os.getpid():
            try:
                line = pathlib.Path("/proc", entry, "cmdline").read_bytes()
                found[int(entry)] = line.replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
    return found


def files() -> list[str]:
    """Every file and folder of the cloud's state, but for the databases'."""
    found = []
    for top in (STATE, RUN):
        for folder, names, plain in os.walk(top):
            names[:] = [n for n in names if n not in KEPT]
            found += [os.path.join(folder, n) for n in (*names, *plain)]
    return found


def iscsi() -> str:
    """All targets of tgtd, if it runs: what tgtadm says of them and which files they export."""
    return run("tgtadm", "--lld", "iscsi", "--mode", "target", "--op", "show", check=False)


def id_columns() -> list[tuple[str, str, str]]:
    """(schema, table, column) of every column of ours that holds ids."""
    rows = sql("SELECT c.table_schema, c.table_name, c.column_name FROM information_schema.columns c WHERE c.table_schema LIKE "
               "'altostack\\_%' AND c.data_type = 'varchar' AND "
               "(c.column_name IN ('id', 'uuid', 'owner', 'consumer') "
               "OR c.column_name LIKE '%\\_id' OR c.column_name LIKE '%\\_uuid')")
    return [(schema.removeprefix(PREFIX), table, column) for schema, table, column in rows]


def leftover_rows(ids: Iterable[str], owners: Iterable[str]) -> list[str]:
    """Rows of any schema that name one of `ids`, or a project or user of `owners`, and that are not history."""
    columns: dict[tuple[str, str], list[str]] = {}
    for schema, table, column in id_columns():
        columns.setdefault((schema, table), []).append(column)
    questions = []
    for (schema, table), names in sorted(columns.items()):
        parts = []
        for name in names:
            wanted = list(owners) if name in OWNERS else list(ids)
            if wanted:
                parts.append(f"`{name}` IN ({', '.join(repr(str(w)) for w in wanted)})")
        if parts:
            where = f"({' OR '.join(parts)}) AND NOT ({HISTORY.get((schema, table), '0')})"
            questions.append(f"SELECT '{schema}.{table}', COUNT(*), MAX(`{names[0]}`) "
                             f"FROM `{PREFIX}{schema}`.`{table}` WHERE {where}")
    rows = sql(" UNION ALL ".join(questions)) if questions else []
    return [f"{count} row(s) in {table}, such as {example}" for table, count, example in rows if int(count)]


def leftover_things(ids: Iterable[str]) -> list[str]:
    """What on this host still bears one of these ids: domains, devices, namespaces, processes, rules, targets, files."""
    ids = list(ids)
    if not ids:
        return []
    long, short = re.compile("|".join(ids)), re.compile("|".join({re.escape(i[:11]) for i in ids} | set(ids)))
    found = [f"domain {name} {uuid}" for uuid, name in domains().items() if long.search(uuid)]
    found += [f"network device {name}" for name in links() if short.search(name)]
    found += [f"network namespace {name}" for name in namespaces() if short.search(name)]
    found += [f"process {pid}: {line[:200]}" for pid, line in command_lines().items()
              if long.search(line) and "ssh" not in line]
    found += [f"file {path}" for path in files() if long.search(path)]
    rules = run("nft", "list", "ruleset", check=False).splitlines()
    found += [f"firewall rule: {line.strip()}" for line in rules if short.search(line)]
    found += [f"iSCSI: {line.strip()}" for line in iscsi().splitlines() if long.search(line)]
    return found


def wait_clean(ids: Iterable[str], owners: Iterable[str], seconds: float = 30) -> None:
    """Require that nothing is left, after at most `seconds`; AssertionError with the list of what is."""
    ids, owners = sorted(set(ids)), sorted(set(owners))
    seconds *= PATIENCE
    started, told = time.monotonic(), list[str]()
    until = started + seconds
    while left := leftover_things(ids) + leftover_rows(ids, owners):
        if left != told:
            print(f"still there after {time.monotonic() - started:.0f} s: {left}")
            told = left
        if time.monotonic() > until:
            raise AssertionError(f"left {seconds:.0f} s after everything was deleted:\n  " + "\n  ".join(left[:60]))
        time.sleep(1)
