"""The rules of the design, read off the source: size, layers, clocks, edges, words.

A rule that fails names the file and line; the mend is in the code, never here.
"""

import ast
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).parents[2]
CODE = sorted(p for d in ("common", "services", "devstack") for p in (ROOT / d).rglob("*.py")
              if "versions" not in p.parts and "alembic" not in p.parts)
TESTS = sorted((ROOT / "tests").rglob("*.py"))
FILE_LINES_MAX, FUNCTION_LINES_MAX = 500, 70
DOORS = {"time": "common/clock.py", "datetime": "common/clock.py", "uuid": "common/ids.py", "random": "common/ids.py",
         "secrets": "common/ids.py", "subprocess": "common/process.py"}


def rel(path):
    return path.relative_to(ROOT).as_posix()


def tree(path):
    return ast.parse(path.read_text(), str(path))


def calls(node):
    """(dotted name, line) of every call in a tree."""
    for item in ast.walk(node):
        if isinstance(item, ast.Call):
            parts, target = [], item.func
            while isinstance(target, ast.Attribute):
                parts.append(target.attr)
                target = target.value
            if isinstance(target, ast.Name):
                yield ".".join([target.id, *reversed(parts)]), item.lineno


@pytest.mark.parametrize("path", CODE + TESTS, ids=rel)
def test_files_and_functions_are_short(path):
    assert len(path.read_text().splitlines()) <= FILE_LINES_MAX, f"{rel(path)} is too long: split it by noun or verb"
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            assert length <= FUNCTION_LINES_MAX, f"{rel(path)}:{node.lineno} {node.name} has {length} lines"


@pytest.mark.parametrize("path", CODE, ids=rel)
def test_every_module_says_why_it_exists(path):
    module = tree(path)
    assert ast.get_docstring(module), f"{rel(path)} has no docstring"
    for node in module.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), f"{rel(path)}:{node.lineno} {node.name} has no docstring"


@pytest.mark.parametrize("path", CODE, ids=rel)
def test_time_chance_ids_and_programs_come_through_common(path):
    name = rel(path)
    for node in ast.walk(tree(path)):
        modules = []
        if isinstance(node, ast.Import):
            modules = [a.name.split(".")[0] for a in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            modules = [(node.module or "").split(".")[0]]
        for module in modules:
            assert module not in ("eventlet", "gevent"), f"{name}:{node.lineno} imports {module}"
            if module in DOORS and not name.startswith("devstack/"):
                if module in ("datetime", "subprocess", "uuid"):
                    continue  # types may be named; what reads a clock or starts a program is caught below
                assert name == DOORS[module], f"{name}:{node.lineno} imports {module}; use {DOORS[module]}"
    if name.startswith("devstack/"):
        return
    for called, line in calls(tree(path)):
        banned = re.fullmatch(r"(datetime\.)?(datetime|date)\.(now|utcnow|today)|uuid\.uuid[14]|time\.(time|sleep|monotonic)"
                              r"|subprocess\.\w+|os\.(system|popen|urandom)", called)
        if banned:
            assert name in DOORS.values(), f"{name}:{line} calls {called}"


@pytest.mark.parametrize("path", CODE, ids=rel)
def test_broad_excepts_stand_at_edges_and_log(path):
    source = path.read_text().splitlines()
    for node in ast.walk(tree(path)):
        if not isinstance(node, ast.ExceptHandler):
            continue
        assert node.type is not None, f"{rel(path)}:{node.lineno} has a bare except"
        names = [n.id for n in ast.walk(node.type) if isinstance(n, ast.Name)]
        if "Exception" not in names:
            continue
        assert "process edge" in source[node.lineno - 1], f"{rel(path)}:{node.lineno} catches Exception away from an edge"
        logs = any(called.startswith(("LOG.", "self.log", "log.")) for called, _ in calls(node))
        raises = any(isinstance(n, ast.Raise) for n in ast.walk(node))
        assert logs or raises, f"{rel(path)}:{node.lineno} swallows an exception unlogged"


@pytest.mark.parametrize("path", CODE, ids=rel)
def test_no_global_configuration_and_nothing_unfinished(path):
    for number, line in enumerate(path.read_text().splitlines(), 1):
        where = f"{rel(path)}:{number}"
        assert not re.search(r"\bcfg\.CONF\b(?!`)", line) or line.lstrip().startswith(("#", '"')) or "`cfg.CONF`" in line, \
            f"{where} uses the global configuration"
        assert not re.search(r"\b(TODO|FIXME|XXX|HACK)\b|NotImplementedError", line), f"{where} is unfinished"


@pytest.mark.parametrize("path", [p for p in CODE if "services" in p.parts], ids=rel)
def test_only_db_writes_sql(path):
    if "db" in path.relative_to(ROOT).parts:
        return
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            modules = [a.name for a in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            assert not any(m.split(".")[0] == "sqlalchemy" for m in modules), f"{rel(path)}:{node.lineno} imports sqlalchemy"


LAYERS = {"cmd": 5, "api": 4, "conductor": 4, "agent": 4, "domain": 3, "db": 2, "rpc": 2, "drivers": 2, "objects": 1, "config": 0}


@pytest.mark.parametrize("path", [p for p in CODE if "services" in p.parts], ids=rel)
def test_layers(path):
    """services -> common only; cmd > api | conductor | agent > domain > db | rpc | drivers > objects."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    service, room = parts[1], parts[2] if len(parts) > 2 else "config"
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ImportFrom):
            found = [f"{node.module}.{a.name}" for a in node.names]
        elif isinstance(node, ast.Import):
            found = [a.name for a in node.names]
        else:
            continue
        for module in found:
            words = module.split(".")
            if words[0] != "services" or len(words) < 3:
                continue
            where = f"{rel(path)}:{node.lineno} imports {module}"
            assert words[1] == service, f"{where}: another service"
            other = words[2]
            if other not in LAYERS or other == room or other == "config" or room == "config":
                continue
            assert LAYERS[room] > LAYERS[other], f"{where}: the wrong way up"
            if room == "agent":
                assert other not in ("db", "domain"), f"{where}: agents have no database"
            if other == "drivers":
                allowed = ("agent", "cmd", "api", "conductor") if service == "image" else ("agent", "cmd")
                assert room in allowed, f"{where}: only agents touch drivers"


def test_common_knows_no_service():
    for path in (ROOT / "common").rglob("*.py"):
        for node in ast.walk(tree(path)):
            module = node.module if isinstance(node, ast.ImportFrom) else None
            assert not (module or "").startswith("services"), f"{rel(path)}:{node.lineno} imports {module}"


WORDS = re.compile(r"/work/(main|shared|scratch)|pypi\.org|pythonhosted|deb\.debian\.org|registry\.npmjs", re.I)


def test_the_project_speaks_of_itself_alone():
    suffixes = {".py", ".sh", ".md", ".cfg", ".toml", ".ini", ".yml", ".yaml", ".conf", ".txt", ".in", ""}
    for path in ROOT.rglob("*"):
        parts = path.relative_to(ROOT).parts
        if not path.is_file() or path.suffix not in suffixes or any(p.startswith(".") and p != ".ci" for p in parts[:-1]):
            continue
        if path == pathlib.Path(__file__) or parts[0] in (".git", "build") or path.stat().st_size > 1 << 20:
            continue
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        found = WORDS.search(text)
        assert not found, f"{rel(path)} mentions {found.group(0)}"
