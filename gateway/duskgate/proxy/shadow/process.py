"""A worker's comparer, seen from the worker: asked over a socket, started when first needed, and again."""

from __future__ import annotations

import asyncio
import logging
import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from duskgate.policy.shadow import Comparison
from duskgate.proxy.shadow.content import Answer
from duskgate.proxy.shadow.noise import Place, Verdict
from duskgate.proxy.shadow.wire import NOTE, Question, Reply, packed, read_reply

logger = logging.getLogger("duskgate")

AGAIN_SECONDS = 5.0
"""Until a comparer that ended is started again."""
STOP_SECONDS = 3.0
"""How long it may take to write what it knows when the worker stops."""
HELD_SECONDS = 0.1
MOST_HELD = 8
"""How long questions are held back, and how many: together they cost one switch of processes."""
LONGEST_REPLY = 1 << 16


class ComparerGone(Exception):
    """The comparer does not run, or ended before it replied."""


class ComparerProcess:
    """The comparer of one worker. ``state`` is the folder that results are kept in."""

    def __init__(self, state: Path) -> None:
        self._command = [sys.executable, "-m", "duskgate.proxy.shadow.comparer", str(state)]
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None
        self._starting = asyncio.Lock()
        self._not_before = float("-inf")
        self._held: list[Question] = []
        self._timer: asyncio.TimerHandle | None = None
        self._waiting: dict[int, asyncio.Future[Reply]] = {}
        self._number = 0

    async def judge(
        self, place: Place, comparison: Comparison, limit: int, answers: Sequence[Answer]
    ) -> Reply:
        """Have two answers judged, or three: see ``Question``. Raises ComparerGone."""
        await self._ready()
        self._number = number = self._number + 1
        reply: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._waiting[number] = reply
        try:
            self._hold(Question(number, place, comparison, limit, answers))
            return await reply
        finally:
            self._waiting.pop(number, None)

    async def note(self, place: Place, comparison: Comparison, outcome: Verdict) -> None:
        """Have something noted that needs no judging. Raises ComparerGone."""
        await self._ready()
        self._hold(Question(NOTE, place, comparison, outcome=outcome))

    def _hold(self, question: Question) -> None:
        self._held.append(question)
        if len(self._held) >= MOST_HELD:
            self._send()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(HELD_SECONDS, self._send)

    def _send(self) -> None:
        held, self._held = self._held, []
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._writer is not None:
            self._writer.writelines([piece for question in held for piece in packed(question)])

    async def _ready(self) -> None:
        async with self._starting:
            if self._writer is None:
                await self._start()

    async def _start(self) -> None:
        loop = asyncio.get_running_loop()
        if loop.time() < self._not_before:
            raise ComparerGone
        self._not_before = loop.time() + AGAIN_SECONDS
        ours, theirs = socket.socketpair()
        with theirs:
            command = [*self._command, str(theirs.fileno())]
            try:
                process = await asyncio.to_thread(_started, command, theirs.fileno())
            except OSError as error:
                ours.close()
                logger.error("shadow: the comparer cannot be started: %s", error)
                raise ComparerGone from None
        reader, self._writer = await asyncio.open_unix_connection(sock=ours, limit=LONGEST_REPLY)
        self._reading = loop.create_task(self._read(reader, self._writer, process))

    async def _read(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, process: subprocess.Popen[bytes]
    ) -> None:
        try:
            while line := await reader.readline():
                reply = read_reply(line)
                future = self._waiting.get(reply.number) if reply.number is not None else None
                if reply.number is None:
                    logger.warning("shadow: %s", reply.reason)
                elif future is not None and not future.done():
                    future.set_result(reply)
        finally:
            self._writer = None
            writer.close()
            for future in self._waiting.values():
                if not future.done():
                    future.set_exception(ComparerGone())
            await asyncio.to_thread(_ended, process)

    async def aclose(self) -> None:
        """Let it write what it knows, and end it."""
        if self._writer is None or self._reading is None:
            return
        self._send()
        self._writer.write_eof()
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(self._reading), STOP_SECONDS)
        self._not_before = float("inf")


def _started(command: list[str], descriptor: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603  our own program
        command, pass_fds=[descriptor], stdin=subprocess.DEVNULL, start_new_session=True
    )


def _ended(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
