#!/usr/bin/python3
"""Show log lines to a person: JSON lines as "time LEVEL message" with the end of the traceback, others as they are.

Reads standard input; the same message with the same traceback is shown once.
"""

import json
import sys
import time

TRACEBACK_LINES = 6


def shown(line: str) -> list[str]:
    """One log line as lines of text."""
    try:
        entry = json.loads(line)
    except ValueError:
        return [line]
    if not isinstance(entry, dict) or "message" not in entry:
        return [line]
    text = [f"{entry.get('level', '')} {entry['message']}"]
    text += ["  " + part for part in entry.get("traceback", "").rstrip().splitlines()[-TRACEBACK_LINES:]]
    stamp = time.strftime("%H:%M:%S", time.localtime(entry["time"])) if isinstance(entry.get("time"), float) else ""
    return [f"{stamp} {text[0]}", *text[1:]]


def main() -> None:
    """Filter standard input."""
    seen: set[tuple[str, ...]] = set()
    for line in sys.stdin.read().splitlines():
        lines = shown(line)
        key = (lines[0][9:], *lines[1:]) if len(lines) > 1 else (line,)
        if key not in seen:
            seen.add(key)
            print("\n".join(lines))


if __name__ == "__main__":
    main()
