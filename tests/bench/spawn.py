"""Programs on cores of their own, and their end with everything they started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.bench.tree import Process, tree

STOP_SECONDS = 10.0
ORPHAN_SECONDS = 1.0
"""How long descendants may take to notice that the first process is gone."""


@dataclass(frozen=True)
class Cores:
    """Proxies have one core to themselves; what asks and what answers has the rest."""

    proxy: int
    load: frozenset[int]

    @classmethod
    def of_this_process(cls) -> Cores:
        """Divide the cores that this process may use. With only one, everything shares it."""
        first, *rest = sorted(os.sched_getaffinity(0))
        return cls(first, frozenset(rest or [first]))


def start(
    command: Sequence[str],
    cores: frozenset[int],
    *,
    log: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a program on these cores only; its output goes to ``log``, or stays with the caller as a pipe."""
    mine = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)  # children inherit it, from their first instruction on
    try:
        with log.open("wb") if log is not None else nullcontext(subprocess.PIPE) as output:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(env or {})},
                start_new_session=True,  # so that Ctrl-C reaches them through ``stop``
            )
    finally:
        os.sched_setaffinity(0, mine)


def stop(root: subprocess.Popen[bytes]) -> None:
    """End it and every descendant: by asking first, then by force."""
    family = tree(root.pid)
    root.terminate()
    try:
        root.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        root.kill()
        root.wait()
    _end(family, ORPHAN_SECONDS)


def stop_strays() -> None:
    """End what this process still has running, such as a program whose start was interrupted."""
    _, *strays = tree(os.getpid())
    for one in strays:
        with suppress(ProcessLookupError):
            os.kill(one.pid, signal.SIGTERM)
    _end(strays, STOP_SECONDS if strays else 0)


def _end(family: list[Process], seconds: float) -> None:
    """Give processes that were told to end so much time, and end the rest by force."""
    deadline = time.monotonic() + seconds
    while (left := [one for one in family if _same(one)]) and time.monotonic() < deadline:
        time.sleep(0.05)
    for one in left:
        with suppress(ProcessLookupError):
            os.kill(one.pid, signal.SIGKILL)


def _same(one: Process) -> bool:
    now = Process.read(one.pid)
    return now is not None and now.started == one.started


@contextmanager
def running(
    command: Sequence[str],
    cores: frozenset[int],
    *,
    log: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """A program until the block ends, however it ends."""
    started = start(command, cores, log=log, env=env)
    try:
        yield started
    finally:
        stop(started)


def end_on_sigterm() -> None:
    """Let SIGTERM unwind the blocks as Ctrl-C does, so that nothing is left running."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
