"""The secret key of the digests that stand for unknown callers: given, kept in a file, or of this process.

Digests in the ledger are only worth something while the key stays the same, so one is made once and kept
beside the ledger, where all workers, later starts, and commands find it.
"""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

IDENTITY_KEY = "DUSKGATE_IDENTITY_KEY"
"""The environment variable that gives it."""

FILE = "identity.key"
SHORTEST = 16
"""Bytes; a shorter one in the file is taken for a broken file."""

_process_key = secrets.token_hex(32)


class BrokenKey(ValueError):
    """The file with the key cannot be used; the message says why and what to do."""


def identity_key(env: Mapping[str, str], folder: Path | None) -> bytes:
    """The key: from the environment, else from the file in ``folder``, else one of this process.

    Raises BrokenKey.
    """
    return given_key(env) or (kept_key(folder / FILE) if folder is not None else None) or own_key()


def given_key(env: Mapping[str, str]) -> bytes:
    """The key from the environment, or nothing."""
    return env.get(IDENTITY_KEY, "").encode()


def own_key() -> bytes:
    """A key for the life of this process."""
    return _process_key.encode()


def kept_key(path: Path) -> bytes | None:
    """The key in a file; ``None`` if there is none. Raises BrokenKey."""
    try:
        key = path.read_bytes().strip()
    except FileNotFoundError:
        return None
    except OSError as error:
        reason = f"{path} cannot be read: {error.strerror}; it belongs to the gateway's user"
        raise BrokenKey(reason) from None
    if len(key) < SHORTEST or not key.isascii() or not key.decode().isprintable():
        raise BrokenKey(f"{path} holds no key; remove it, and another one is made")
    return key


def make_key(path: Path) -> bytes:
    """The key in a file, which is made if it is not there, for its owner alone.

    Whoever comes second finds the first one's. Raises BrokenKey, or OSError where it cannot be written.
    """
    kept = kept_key(path)
    if kept is not None:
        return kept
    draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(f"{secrets.token_hex(32)}\n")
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(draft, path)  # unlike a rename, it does not replace the file of somebody who was faster
    finally:
        draft.unlink(missing_ok=True)
    made = kept_key(path)
    if made is None:
        raise BrokenKey(f"{path} was removed in the moment it was made")
    return made


def readable_by_others(path: Path) -> bool:
    """Whether anybody but the file's owner may read it."""
    try:
        return bool(path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH))
    except OSError:
        return False
