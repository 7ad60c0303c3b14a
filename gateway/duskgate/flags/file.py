"""The flags file of a gateway: loaded at start, swapped when its content changes, last good kept."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from duskgate.flags.evaluate import FileFlags
from duskgate.flags.flagset import FlagSet, InvalidFlags, read_flags


class FlagsFile:
    """Flags from a file. ``flags`` evaluates ``set``, the one in force; ``refresh`` looks for a new one."""

    def __init__(self, path: Path, last_good: Path | None = None) -> None:
        """Load the file. Raises InvalidFlags if it is missing, unreadable or not a flag set.

        ``last_good`` is a copy of the last set that was sound: written here, and read where the file itself
        is not (a worker that is started while the file is broken).
        """
        self.path = path
        self._last_good = last_good
        self._fault: str | None = None
        try:
            raw = self._read(path)
            self.set = self._parse(raw)
        except InvalidFlags as error:
            if last_good is None or not last_good.exists():
                raise
            self._fault = str(error)
            raw = self._read(last_good)
            self.set = self._parse(raw)
        self._in_force = hashlib.sha256(raw).digest()
        self.flags = FileFlags(self.set)
        self._keep(raw)

    @property
    def rejected(self) -> bool:
        """Whether the file's content is not what is in force, because it cannot be used."""
        return self._fault is not None

    def refresh(self) -> bool:
        """Take over the file if it says something new; ``True`` also when it says again what is in force.

        Raises InvalidFlags, once for each fault and with the set in force kept.
        """
        try:
            raw = self._read(self.path)
            digest = hashlib.sha256(raw).digest()
            if digest == self._in_force:
                recovered, self._fault = self._fault is not None, None
                return recovered
            flags = self._parse(raw)
        except InvalidFlags as error:
            if str(error) == self._fault:
                return False
            self._fault = str(error)
            raise
        self._in_force, self.set, self._fault = digest, flags, None
        self.flags.take_over(flags)
        self._keep(raw)
        return True

    def _keep(self, raw: bytes) -> None:
        if self._last_good is not None:
            replace_file(self._last_good, raw)

    def _read(self, path: Path) -> bytes:
        try:
            return path.read_bytes()
        except OSError as error:
            raise InvalidFlags(f"{path}: cannot be read: {error.strerror}") from None

    def _parse(self, raw: bytes) -> FlagSet:
        try:
            return read_flags(raw.decode("utf-8"))
        except UnicodeDecodeError:
            raise InvalidFlags(f"{self.path}: is not UTF-8 text") from None
        except InvalidFlags as error:
            raise InvalidFlags(f"{self.path}: {error}") from None


def replace_file(path: Path, content: bytes) -> None:
    """Write a file so that nobody ever reads half of it."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.write_bytes(content)
    draft.replace(path)
