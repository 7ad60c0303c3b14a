"""The comparer as a real process: it answers, keeps, survives what it is given, and ends with its worker."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from duskgate.policy.shadow import Comparison
from duskgate.proxy.shadow import process as processes
from duskgate.proxy.shadow.compare import Kind
from duskgate.proxy.shadow.content import Answer
from duskgate.proxy.shadow.noise import Place, Verdict
from duskgate.proxy.shadow.process import ComparerGone, ComparerProcess
from duskgate.proxy.shadow.store import path_in, read
from duskgate.proxy.shadow.wire import NOTE, Question, Reply, packed, read_reply, reply_line, unpacked
from tests.running import eventually

HERE: Place = ("accounts", "v1", "v2", "*")
PLAIN = Comparison()
RULES = Comparison(("etag",), ("$.at",), ("$.tags",), (("$.n", "0.5"), ("$.m", "1%")), True)
LIMIT = 1 << 20


def json_answer(body: bytes, status: int = 200) -> Answer:
    return Answer(status, {"content-type": "application/json"}, body)


A, B, C = (json_answer(body) for body in (b'{"a": 1}', b'{"a": 2}', b'{"a": 3}'))


def reading(data: bytes) -> Any:
    left = [data]

    def read(size: int) -> bytes:
        if len(left[0]) < size:
            raise EOFError
        piece, left[0] = left[0][:size], left[0][size:]
        return piece

    return read


@pytest.mark.parametrize(
    "question",
    [
        Question(1, HERE, PLAIN, LIMIT, [A, B]),
        Question(2, HERE, RULES, 5, [A, Answer(404, {}, b""), json_answer(bytes(range(256)))]),
        Question(NOTE, HERE, PLAIN, outcome=Verdict.UNDECIDED),
    ],
    ids=["two", "three", "note"],
)
def test_questions_cross_the_line_as_they_are(question: Question) -> None:
    data = b"".join(packed(question))
    assert unpacked(reading(data)) == question._replace(answers=list(question.answers))
    with pytest.raises(EOFError):
        unpacked(reading(data[:-1]))


@pytest.mark.parametrize(
    "reply",
    [
        Reply(1, Verdict.DIFFERENT, [Kind.TYPE, Kind.ADDED]),
        Reply(2, reason="too-large"),
        Reply(None, reason="x"),
    ],
)
def test_replies_cross_the_line_as_they_are(reply: Reply) -> None:
    assert read_reply(reply_line(reply)) == reply._replace(kinds=list(reply.kinds))


def run(state: Path, use: Any) -> None:
    """Use a comparer in an event loop of its own, and end it."""

    async def main() -> None:
        comparer = ComparerProcess(state)
        try:
            await use(comparer)
        finally:
            await comparer.aclose()

    asyncio.run(main())


def children() -> list[int]:
    """The comparers that this process started."""
    found = []
    for mark in Path("/proc/self/task").glob("*/children"):
        for pid in map(int, mark.read_text().split()):
            if b"comparer" in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.append(pid)
    return found


def test_two_looks_and_what_is_kept(tmp_path: Path) -> None:
    replies: list[Reply] = []

    async def use(comparer: ComparerProcess) -> None:
        async def judge(*answers: Answer) -> None:
            replies.append(await comparer.judge(HERE, PLAIN, LIMIT, answers))

        await judge(A, A)
        await judge(A, B)
        await judge(A, B, A)
        await judge(A, B, C)
        await judge(A, B, json_answer(b"", 500))
        await judge(json_answer(b"x" * 9 * LIMIT)._replace(headers={"content-encoding": "br"}), B)
        for outcome in (Verdict.FAILED, Verdict.UNDECIDED, Verdict.EQUAL):
            await comparer.note(HERE, PLAIN, outcome)

    run(tmp_path, use)
    assert [(one.verdict, list(one.kinds), one.reason) for one in replies] == [
        (Verdict.EQUAL, [], ""),
        (Verdict.DOUBTFUL, [], ""),
        (Verdict.DIFFERENT, [Kind.CHANGED], ""),
        (Verdict.EQUAL, [], ""),
        (Verdict.UNDECIDED, [], ""),
        (None, [], "encoded"),
    ]
    results = read(path_in(tmp_path))
    tally = results.places[HERE]
    assert (tally.equal, tally.different, tally.failed, tally.undecided) == (3, 1, 1, 2)
    assert results.differences[HERE]["$.a", "changed"].count == 1
    assert results.noise[HERE]["$.a", "changed"] == (2, 1)
    assert children() == []


def test_results_are_written_every_second_not_only_at_the_end(tmp_path: Path) -> None:
    async def use(comparer: ComparerProcess) -> None:
        await comparer.note(HERE, PLAIN, Verdict.FAILED)
        deadline = time.monotonic() + 10
        while HERE not in read(path_in(tmp_path)).places:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)
        assert len(children()) == 1

    run(tmp_path, use)


def test_examples_are_kept_only_while_they_are_allowed(tmp_path: Path) -> None:
    def seen() -> str | None:
        return read(path_in(tmp_path)).differences[HERE]["$.a", "changed"].old

    async def use(values: bool, comparer: ComparerProcess) -> None:
        await comparer.judge(HERE, Comparison(values=values), LIMIT, (A, B, A))

    for values, kept in ((True, "1"), (False, None), (True, "1")):
        run(tmp_path, partial(use, values))
        assert seen() == kept

    async def withdrawn(comparer: ComparerProcess) -> None:
        await comparer.note(HERE, PLAIN, Verdict.EQUAL)

    run(tmp_path, withdrawn)
    assert seen() is None


def test_many_questions_at_once(tmp_path: Path) -> None:
    async def use(comparer: ComparerProcess) -> None:
        big = json_answer(b'{"a": "%b"}' % (b"x" * 200_000))
        asked = [comparer.judge(HERE, PLAIN, LIMIT, (A, big, A) if n % 2 else (A, A)) for n in range(60)]
        replies = await asyncio.gather(*asked)
        assert [one.verdict for one in replies] == [Verdict.EQUAL, Verdict.DIFFERENT] * 30

    run(tmp_path, use)
    assert read(path_in(tmp_path)).places[HERE].different == 30


def test_a_comparer_that_dies_is_noticed_and_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "AGAIN_SECONDS", 0.5)

    async def use(comparer: ComparerProcess) -> None:
        await comparer.judge(HERE, PLAIN, LIMIT, (A, A))
        (pid,) = children()
        os.kill(pid, signal.SIGSTOP)
        waiting = asyncio.create_task(comparer.judge(HERE, PLAIN, LIMIT, (A, A)))
        await asyncio.sleep(processes.HELD_SECONDS * 2)
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(ComparerGone):
            await waiting
        deadline = time.monotonic() + 10
        while True:
            try:
                reply = await comparer.judge(HERE, PLAIN, LIMIT, (A, A))
                break
            except ComparerGone:
                assert time.monotonic() < deadline
                await asyncio.sleep(0.05)
        assert reply.verdict is Verdict.EQUAL

    run(tmp_path, use)


def test_a_comparer_that_cannot_start_is_not_tried_all_the_time(tmp_path: Path) -> None:
    async def use(comparer: ComparerProcess) -> None:
        comparer._command = ["/nowhere/python"]
        for _ in range(3):
            with pytest.raises(ComparerGone):
                await comparer.judge(HERE, PLAIN, LIMIT, (A, A))

    run(tmp_path, use)


def test_a_store_that_cannot_be_written_is_said_once_and_judging_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "shadow").write_text("a file where a folder should be")
    caplog.set_level(logging.WARNING, "duskgate")

    async def use(comparer: ComparerProcess) -> None:
        deadline = time.monotonic() + 10
        while "results cannot be kept in" not in caplog.text:
            assert time.monotonic() < deadline
            assert (await comparer.judge(HERE, PLAIN, LIMIT, (A, A))).verdict is Verdict.EQUAL
            await asyncio.sleep(0.05)
        await asyncio.sleep(2.2)

    run(tmp_path, use)
    assert caplog.text.count("results cannot be kept in") == 1


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_a_signal_to_all_processes_does_not_lose_results(tmp_path: Path, name: str) -> None:
    async def use(comparer: ComparerProcess) -> None:
        await comparer.judge(HERE, PLAIN, LIMIT, (A, A))
        (pid,) = children()
        os.kill(pid, getattr(signal, name))
        await asyncio.sleep(0.1)
        assert (await comparer.judge(HERE, PLAIN, LIMIT, (A, A))).verdict is Verdict.EQUAL

    run(tmp_path, use)
    assert read(path_in(tmp_path)).places[HERE].equal == 2


WORKER = """
import asyncio, os, signal, sys
from pathlib import Path
from tests.proxy.shadow.test_process import A, HERE, LIMIT, PLAIN
from duskgate.proxy.shadow.process import ComparerProcess

async def main():
    comparer = ComparerProcess(Path(sys.argv[1]))
    await comparer.judge(HERE, PLAIN, LIMIT, (A, A))
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


def test_it_writes_what_it_knows_and_ends_when_its_worker_is_killed(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", WORKER, str(tmp_path)], check=False)
    assert done.returncode == -signal.SIGKILL
    eventually(lambda: read(path_in(tmp_path)).places.get(HERE), "the result", 10)
    needle = str(tmp_path).encode()

    def gone() -> bool | None:
        commands = [one.read_bytes() for one in Path("/proc").glob("[0-9]*/cmdline") if one.exists()]
        return not any(b"comparer" in one and needle in one for one in commands) or None

    eventually(gone, "its end", 10)
