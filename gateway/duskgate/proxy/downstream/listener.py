"""Taking connections from a listening socket, no more at once than a worker may have open."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable

logger = logging.getLogger("duskgate")

RETRY_SECONDS = 0.2
"""How long nothing is accepted once the system has no more files."""


class Listener:
    """Accepts one connection a turn of the loop, so that workers on one socket share them.

    What is not accepted waits in the system's queue, where another worker may take it.
    """

    def __init__(self, listening: socket.socket, make: Callable[[], asyncio.Protocol], most: int) -> None:
        """``most``: connections open at once. Call ``left`` for each that ended. Needs a running loop."""
        self._socket = listening
        self._make = make
        self._most = most
        self._open = 0
        self._loop = asyncio.get_running_loop()
        self._accepting = False
        self._closed = False
        self._joining: set[asyncio.Task[None]] = set()
        listening.setblocking(False)
        self._resume()

    def _resume(self) -> None:
        if not self._accepting and not self._closed and self._open < self._most:
            self._accepting = True
            self._loop.add_reader(self._socket, self._accept)

    def _pause(self) -> None:
        if self._accepting:
            self._accepting = False
            self._loop.remove_reader(self._socket)

    def _accept(self) -> None:
        try:
            connection, _ = self._socket.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return  # another worker was faster, or the caller left
        except OSError as error:
            logger.error("no connection can be accepted for now: %s", error.strerror)
            self._pause()
            self._loop.call_later(RETRY_SECONDS, self._resume)
            return
        self._open += 1
        if self._open >= self._most:
            self._pause()
        task = self._loop.create_task(self._join(connection))
        self._joining.add(task)
        task.add_done_callback(self._joining.discard)

    async def _join(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            await self._loop.connect_accepted_socket(self._make, connection)
        except OSError:
            connection.close()
            self.left()

    def left(self) -> None:
        """A connection ended: there is room for another."""
        self._open -= 1
        self._resume()

    def close(self) -> None:
        """Accept no more."""
        self._closed = True
        self._pause()

    async def wait_closed(self) -> None:
        """There is nothing to wait for."""
