"""What the admin process knows of the ledger: how the workers' writing goes, and which ledger is in force."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

from duskgate.admin.counted import Counted
from duskgate.admin.records import CurrentRecords
from duskgate.config import Loaded, loads
from duskgate.usage.gates import NO_LEDGER
from duskgate.usage.written import Written
from tests.usage.ledger.world import KEY, NOON, put, row

WORKER = """
import sys
from duskgate.usage.instruments import Instruments
from duskgate.usage.ledger.metrics import LedgerMetrics
metrics = LedgerMetrics(Instruments())
metrics.flushed(int(sys.argv[1]), 5)
metrics.dropped(int(sys.argv[2]))
print("told", flush=True)
sys.stdin.read()
"""


def test_the_slowest_worker_counts_and_all_drops(tmp_path: Path) -> None:
    counted = Counted(tmp_path)
    assert counted.written() == Written(None, 0)
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    with ExitStack() as workers:
        for flushed, dropped in ((NOON + 1000, 3), (NOON, 4)):
            command = [sys.executable, "-c", WORKER, str(flushed), str(dropped)]
            worker = workers.enter_context(
                subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            )
            assert worker.stdout is not None
            assert worker.stdout.readline() == b"told\n"
        assert counted.written() == Written(NOON, 7)
    assert counted.written() == Written(None, 7), "of workers that are gone only what they counted"


def _loaded(folder: Path, ledger: str) -> Loaded:
    return loads(
        f"""
backends: {{one: {{url: "http://127.0.0.1:9001"}}}}
apis: {{accounts: {{path: /api, default: v1, versions: {{v1: {{backend: one}}}}}}}}
{ledger}""",
        folder / "gateway.yaml",
        {},
    )


def test_they_are_those_of_the_ledger_that_the_yaml_names_now(tmp_path: Path) -> None:
    in_force = _loaded(tmp_path, "")
    records = CurrentRecords(lambda: in_force, lambda: Written(2**60, 0))
    assert (records.facts(), records.fault) == (None, NO_LEDGER)
    for number, name in enumerate(("one", "two"), 1):
        put(f"sqlite:///{tmp_path / name}.db", [row(KEY, NOON + number, 1)])
        in_force = _loaded(tmp_path, f'ledger: {{url: "sqlite:///{name}.db"}}')
        facts = records.facts()
        assert facts is not None
        assert facts.begins() == NOON + number
    in_force = _loaded(tmp_path, "")
    assert records.seen_before("accounts", "v1", NOON + 9, 9) is None
    assert records.fault == NO_LEDGER
