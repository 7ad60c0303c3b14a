"""What only the system knows of a connection: how much a caller has to take, and whether it hung up."""

from __future__ import annotations

import asyncio
import fcntl
import socket as sockets
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


_HUNG_UP = frozenset((7, 8, 9, 11))
"""States of a connection whose other side has ended its own: closed, close-wait, last-ack, closing."""


def hung_up(transport: asyncio.WriteTransport) -> bool:
    """Whether the caller closed the connection, or reset it; also where nothing is read (tcp(7))."""
    try:
        info: bytes = transport.get_extra_info("socket").getsockopt(sockets.IPPROTO_TCP, sockets.TCP_INFO, 1)
    except OSError:
        return False  # the system does not tell
    return info[0] in _HUNG_UP


def _queued(socket: HasFileno) -> int:
    try:
        (queued,) = struct.unpack("i", fcntl.ioctl(socket, termios.TIOCOUTQ, bytes(4)))
    except OSError:
        return 0  # it is closed already, or the system does not tell
    return int(queued)
