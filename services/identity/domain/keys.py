"""A folder of symmetric keys that are rotated without failing a request.

As upstream lays it out: files named by number; `0` is staged (it decrypts already and will encrypt next), the
highest is the primary, the others only decrypt. Every host gets a key before any host encrypts with it.
"""

import contextlib
import fcntl
import os
import threading
from collections.abc import Iterator

from cryptography.fernet import Fernet, MultiFernet

from common import errors


class KeyRepository:
    """The keys in `folder`, read again when the folder changes."""

    def __init__(self, folder: str, max_active: int = 3) -> None:
        self.folder, self.max_active = folder, max_active
        self._seen = -1
        self._keys: list[bytes] = []
        self._cipher: MultiFernet | None = None
        self._lock = threading.Lock()

    def cipher(self) -> MultiFernet:
        """Encrypts with the primary key and decrypts with any. ConfigError where there is no key."""
        self._refresh()
        if self._cipher is None:
            raise errors.ConfigError(f"there is no key in {self.folder}; run `altostack bootstrap` first")
        return self._cipher

    def keys(self) -> list[bytes]:
        """Every key, the primary one first."""
        self._refresh()
        return self._keys

    def _refresh(self) -> None:
        try:
            stamp = os.stat(self.folder).st_mtime_ns
        except FileNotFoundError:
            return
        if stamp == self._seen:
            return
        with self._lock:
            found = self._read()
            self._keys = [found[n] for n in sorted(found, key=lambda n: -n)]
            self._cipher = MultiFernet([Fernet(k) for k in self._keys]) if self._keys else None
            self._seen = stamp

    def _read(self) -> dict[int, bytes]:
        found: dict[int, bytes] = {}
        for name in os.listdir(self.folder):
            if name.isdigit():
                with contextlib.suppress(FileNotFoundError), open(os.path.join(self.folder, name), "rb") as f:
                    key = f.read().strip()
                    if len(key) == 44:
                        found[int(name)] = key
        return found

    def setup(self) -> None:
        """Make the folder, a primary key and a staged one; harmless when they are there."""
        with self._locked():
            found = self._read()
            if not found:
                self._write(1)
                self._write(0)
            elif max(found) == 0:
                os.rename(os.path.join(self.folder, "0"), os.path.join(self.folder, "1"))
                self._write(0)
            elif 0 not in found:
                self._write(0)

    def rotate(self) -> None:
        """Make the staged key the primary one, stage a new one, and drop the oldest beyond `max_active`."""
        self.setup()
        with self._locked():
            newest = max(self._read()) + 1
            os.rename(os.path.join(self.folder, "0"), os.path.join(self.folder, str(newest)))
            self._write(0)
            active = sorted(n for n in self._read() if n > 0)
            for number in active[: max(0, len(active) - max(1, self.max_active - 1))]:
                os.unlink(os.path.join(self.folder, str(number)))

    def _write(self, number: int) -> None:
        path = os.path.join(self.folder, str(number))
        temporary = os.path.join(self.folder, f".{number}.new")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as f:
            f.write(Fernet.generate_key())
            f.flush()
            os.fsync(f.fileno())
        os.rename(temporary, path)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        os.makedirs(self.folder, mode=0o700, exist_ok=True)
        with open(os.path.join(self.folder, ".lock"), "w") as f:
            fcntl.flock(f, fcntl.LOCK_EX)
            yield
