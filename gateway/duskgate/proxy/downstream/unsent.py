"""How much of what was written a caller still has to take."""

from __future__ import annotations

import asyncio
import fcntl
import struct
import termios
from typing import Protocol


class HasFileno(Protocol):
    """What system calls take for a socket."""

    def fileno(self) -> int: ...


def unsent(transport: asyncio.WriteTransport) -> int:
    """Bytes that the caller's system has not acknowledged: here, and in this system's buffer (tcp(7))."""
    # the system asks for more only once a third of its buffer, some megabytes, is free: too coarse alone
    return transport.get_write_buffer_size() + _queued(transport.get_extra_info("socket"))


def _queued(socket: HasFileno) -> int:
    try:
        (queued,) = struct.unpack("i", fcntl.ioctl(socket, termios.TIOCOUTQ, bytes(4)))
    except OSError:
        return 0  # it is closed already, or the system does not tell
    return int(queued)
