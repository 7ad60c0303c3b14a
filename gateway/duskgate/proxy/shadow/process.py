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
from duskgate.proxy.shadow.wire import Question, Reply, packed, read_reply

logger = logging.getLogger("duskgate")

AGAIN_SECONDS = 5.0
"""Until a comparer that ended is started again."""
STOP_SECONDS = 3.0
"""How long it may take to write what it knows when the worker stops."""
LONGEST_REPLY = 1 << 16


class ComparerGone(Exception):
    """The comparer does not run, or ended before it replied."""


class ComparerProcess:
    """The comparer of one worker. ``state`` is the folder that results are kept in."""

    def __init__(self, state: Path) -> None:
        self._command = [sys.executable, "-m", "duskgate.proxy.shadow.comparer", str(state)]
        self._process: subprocess.Popen[bytes] | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()
        self._waiting: dict[int, asyncio.Future[Reply]] = {}
        self._number = 0
        self._not_before = float("-inf")

    async def ask(
        self,
        place: Place,
        comparison: Comparison,
        limit: int,
        answers: Sequence[Answer] = (),
        outcome: Verdict = Verdict.FAILED,
    ) -> Reply:
        """Have something judged, or noted: see ``Question``. Raises ComparerGone."""
        self._number += 1
        question = Question(self._number, place, comparison, limit, answers, outcome)
        reply: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        try:
            async with self._turn:
                writer = self._writer or await self._start()
                self._waiting[question.number] = reply
                writer.writelines(packed(question))
                await writer.drain()
            return await reply
        except ConnectionError:
            raise ComparerGone from None
        finally:
            self._waiting.pop(question.number, None)

    async def _start(self) -> asyncio.StreamWriter:
        loop = asyncio.get_running_loop()
        if loop.time() < self._not_before:
            raise ComparerGone
        self._not_before = loop.time() + AGAIN_SECONDS
        ours, theirs = socket.socketpair()
        with theirs:
            command = [*self._command, str(theirs.fileno())]
            try:
                self._process = await asyncio.to_thread(_started, command, theirs.fileno())
            except OSError as error:
                ours.close()
                logger.error("shadow: the comparer cannot be started: %s", error)
                raise ComparerGone from None
        reader, self._writer = await asyncio.open_unix_connection(sock=ours, limit=LONGEST_REPLY)
        self._reading = loop.create_task(self._read(reader, self._writer, self._process))
        return self._writer

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
