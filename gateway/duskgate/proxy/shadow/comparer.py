"""The comparer's process: ``python -m duskgate.proxy.shadow.comparer STATE SOCKET``. A worker starts it.

A process of its own, at a low priority: reading JSON holds the interpreter's lock, and a worker that compared
in a thread would answer nobody meanwhile. It ends when the worker's end of the socket is closed.
"""

from __future__ import annotations

import os
import random
import select
import signal
import socket
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from duskgate.proxy.shadow.compare import compare
from duskgate.proxy.shadow.content import Incomparable
from duskgate.proxy.shadow.noise import Judged, Noise, Verdict, first_look, second_look
from duskgate.proxy.shadow.store import Store, path_in
from duskgate.proxy.shadow.tally import Batch
from duskgate.proxy.shadow.wire import NOTE, Question, Reply, reply_line, unpacked

WRITE_SECONDS = 1.0
"""How often results are written."""
PRIORITY = 10
"""How much nicer than the worker."""


class Comparer:
    """Answers questions, and keeps what came of them."""

    def __init__(self, path: Path) -> None:
        """``path`` is the store's."""
        self._path = path
        self._store: Store | None = None
        self._noise = Noise()
        self._batch = Batch()
        self._examples: dict[tuple[str, str], bool] = {}
        self._said = ""

    def answer(self, question: Question, now: int) -> Reply:
        """The reply to one question; ``now`` in ms."""
        try:
            judged = self._judge(question)
        except Incomparable as error:
            return Reply(question.number, None, (), error.reason)
        if judged.verdict is not Verdict.DOUBTFUL:
            self._batch.add(question.place, judged, now)
            self._mind_values(question)
        kinds = [one.kind for one in judged.differences]
        return Reply(question.number, judged.verdict, kinds)

    def _judge(self, question: Question) -> Judged:
        if not question.answers:
            return Judged(question.outcome)
        old, new, *again = question.answers
        found = compare(old, new, question.comparison, question.limit)
        if not again:
            return first_look(self._noise, question.place, found, random.random())  # noqa: S311  no secret
        try:
            own = compare(old, again[0], question.comparison, question.limit)
        except Incomparable:
            return Judged(Verdict.UNDECIDED)
        return second_look(self._noise, question.place, found, own)

    def _mind_values(self, question: Question) -> None:
        """Note once that examples are to be dropped, since they are not, or no longer, allowed."""
        version = question.place[:2]
        if question.comparison.values:
            self._examples.pop(version, None)
        else:
            self._examples.setdefault(version, True)

    def write(self, now: int) -> Reply | None:
        """Write what is new to the store. A reply for the log where that fails; it is then tried again."""
        if not self._batch.tallies:
            return None
        try:
            if self._store is None:
                self._store = Store(self._path, now)
            for version, kept in self._examples.items():
                if kept:
                    self._store.forget_values(*version)
                    self._examples[version] = False
            self._store.write(self._batch, self._noise)
        except (sqlite3.Error, OSError) as error:
            before, self._said = self._said, f"results cannot be kept in {self._path}: {error}"
            return Reply(None, reason=self._said) if self._said != before else None
        self._batch = Batch()
        return None

    def close(self) -> None:
        if self._store is not None:
            self._store.close()


class Line:
    """The socket to the worker. Replies are held back while more questions are waiting."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._data = b""
        self._at = 0
        self._replies: list[bytes] = []

    @property
    def _left(self) -> int:
        return len(self._data) - self._at

    def waits(self, seconds: float) -> bool:
        """Whether something is there, or comes within so many seconds."""
        if self._left:
            return True
        self._flush()
        return bool(select.select([self._connection], [], [], max(0.0, seconds))[0])

    def read(self, size: int) -> bytes:
        """Exactly so many bytes. Raises EOFError at the end."""
        while self._left < size:
            more = self._connection.recv(max(size - self._left, 1 << 16))
            if not more:
                raise EOFError
            self._data, self._at = self._data[self._at :] + more, 0
        start, self._at = self._at, self._at + size
        return self._data[start : self._at]

    def send(self, reply: Reply) -> None:
        self._replies.append(reply_line(reply))

    def _flush(self) -> None:
        if self._replies:
            self._connection.sendall(b"".join(self._replies))
            self._replies.clear()


def run(comparer: Comparer, line: Line) -> None:
    """Answer until the worker hangs up; what is known by then is written."""
    written = time.monotonic()
    with suppress(EOFError, ConnectionError):
        while True:
            if line.waits(written + WRITE_SECONDS - time.monotonic()):
                for reply in _safely(comparer, unpacked(line.read)):
                    line.send(reply)
            if time.monotonic() - written >= WRITE_SECONDS:
                said = comparer.write(_now())
                written = time.monotonic()
                if said is not None:
                    line.send(said)
    comparer.write(_now())
    comparer.close()


def _safely(comparer: Comparer, question: Question) -> Iterator[Reply]:
    """The reply, also where there is a fault of ours. What it is about must not get into a log."""
    try:
        reply = comparer.answer(question, _now())
        if question.number != NOTE:
            yield reply
    except Exception as error:
        yield Reply(question.number, reason="fault")
        yield Reply(
            None, reason=f"a comparison for {'/'.join(question.place)} failed: {type(error).__name__}"
        )


def _now() -> int:
    return time.time_ns() // 1_000_000


def main(state: str, descriptor: str) -> None:
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, signal.SIG_IGN)  # the worker says when it is over: it may still be draining
    os.nice(PRIORITY)
    with socket.socket(fileno=int(descriptor)) as connection:
        run(Comparer(path_in(Path(state))), Line(connection))


if __name__ == "__main__":
    main(*sys.argv[1:])
