"""The flags file of a gateway: loaded at start, swapped when its content changes, last good kept."""

from __future__ import annotations

import hashlib
from pathlib import Path

from openfeature.contrib.tools.flagd.core import FlagdCore

from duskgate.flags.evaluate import Flags
from duskgate.flags.flagset import InvalidFlags, read_flags
from duskgate.flags.provider import FileProvider


class FlagsFile:
    """Flags from a file. ``flags`` evaluates the current set; ``refresh`` looks for a new one."""

    def __init__(self, path: Path) -> None:
        """Load the file. Raises InvalidFlags if it is missing, unreadable or not a flag set."""
        self.path = path
        raw = self._read()
        self._digest = hashlib.sha256(raw).digest()
        self._provider = FileProvider(self._parse(raw))
        self.flags = Flags(self._provider)

    def refresh(self) -> bool:
        """Take over the file if its content changed; whether it did.

        Raises InvalidFlags, once for each broken content and with the current set kept.
        """
        raw = self._read()
        digest = hashlib.sha256(raw).digest()
        if digest == self._digest:
            return False
        self._digest = digest
        self._provider.core = self._parse(raw)
        return True

    def _read(self) -> bytes:
        try:
            return self.path.read_bytes()
        except OSError as error:
            raise InvalidFlags(f"{self.path}: cannot be read: {error.strerror}") from None

    def _parse(self, raw: bytes) -> FlagdCore:
        try:
            return read_flags(raw.decode("utf-8"))
        except UnicodeDecodeError:
            raise InvalidFlags(f"{self.path}: is not UTF-8 text") from None
        except InvalidFlags as error:
            raise InvalidFlags(f"{self.path}: {error}") from None
