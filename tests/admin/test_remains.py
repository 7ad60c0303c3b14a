"""The counts of workers that are gone: put together, never lost or counted twice, whatever interrupts it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from duskgate.admin.remains import Remains

WORKER = """
from duskgate.usage.instruments import Instruments
instruments = Instruments()
for code in ("200", "410"):
    instruments.requests.labels("accounts", "*", "v1", "deprecated", "forwarded", code).inc(5)
instruments.duration.labels("accounts", "v1").observe(0.02)
instruments.config_ok.labels("config").set(0)
"""


def worker(run_dir: Path) -> None:
    """One that counts, and is gone."""
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(run_dir)}
    subprocess.run([sys.executable, "-c", WORKER], env=environment, check=True)


def page(run_dir: Path) -> str:
    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=str(run_dir))  # type: ignore[no-untyped-call]
    return "\n".join(sorted(generate_latest(registry).decode().splitlines()))


def sums(run_dir: Path) -> str:
    """What is on the page of what a worker counts."""
    return "\n".join(line for line in page(run_dir).splitlines() if line.startswith("duskgate_request"))


def files(run_dir: Path) -> set[str]:
    return {file.name for file in run_dir.iterdir()}


def test_of_workers_that_are_gone_one_file_of_each_kind_is_left(tmp_path: Path) -> None:
    for number in range(3):
        worker(tmp_path)
        before = sums(tmp_path)
        assert before.count(f" {5.0 * (number + 1)}") == 2, before
        Remains(tmp_path).gather()
        assert sums(tmp_path) == before
        assert files(tmp_path) == {"counter_gone.db", "histogram_gone.db"}


def test_what_a_worker_that_is_gone_said_of_the_files_counts_no_more(tmp_path: Path) -> None:
    worker(tmp_path)
    assert 'duskgate_config_last_reload_successful{file="config"} 0.0' in page(tmp_path)
    Remains(tmp_path).gather()
    assert "duskgate_config_last_reload_successful" not in page(tmp_path)


def test_a_worker_that_lives_keeps_its_files(tmp_path: Path) -> None:
    worker(tmp_path)
    (own,) = tmp_path.glob("counter_*.db")
    mine = own.rename(tmp_path / f"counter_{os.getpid()}.db")
    Remains(tmp_path).gather()
    assert mine.exists()


class Killed(BaseException):
    """The process ends here."""


def dying(change: Callable[..., Any], steps: Iterator[int]) -> Callable[..., Any]:
    """The same, until there is no step left to go."""

    def changes(*arguments: Any, **named: Any) -> Any:
        if next(steps, None) is None:
            raise Killed
        return change(*arguments, **named)

    return changes


def survives(run_dir: Path, steps: int, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Gather in a process that dies after so many changes of files; whether it came to its end."""
    left = iter(range(steps))
    with monkeypatch.context() as patched:
        for name in ("unlink", "replace", "write_text"):
            patched.setattr(Path, name, dying(getattr(Path, name), left))
        try:
            Remains(run_dir).gather()
        except Killed:
            return False
    return True


def test_who_dies_in_the_middle_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start = tmp_path / "start"
    start.mkdir()
    worker(start)
    Remains(start).gather()
    worker(start)
    before = sums(start)
    for steps in count():
        run_dir = tmp_path / str(steps)
        shutil.copytree(start, run_dir)
        survived = survives(run_dir, steps, monkeypatch)
        Remains(run_dir).gather()
        assert sums(run_dir) == before, steps
        assert files(run_dir) == {"counter_gone.db", "histogram_gone.db"}
        if survived:
            break
    assert steps > 8, "it has more steps than that"
