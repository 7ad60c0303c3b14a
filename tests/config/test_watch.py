"""An edit is noticed; what the gateway itself writes beside the files is not."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from duskgate.config.watch import changes
from tests.config.world import section

DATABASES = [
    ("sqlite:///duskgate.db", "duskgate.db"),
    ("sqlite:///data/use.db", "data/use.db"),
    ("sqlite:////var/lib/duskgate/use.db", "/var/lib/duskgate/use.db"),
]


@pytest.mark.parametrize(("written", "path"), DATABASES)
def test_an_sqlite_file_is_relative_to_the_yaml(written: str, path: str) -> None:
    loaded = section(f'ledger: {{url: "{written}"}}')
    assert loaded.ledger_path == Path.cwd() / path
    assert loaded.ledger_url == f"sqlite:///{Path.cwd() / path}"


def test_another_database_is_in_no_file() -> None:
    loaded = section("ledger: {url: postgresql://duskgate@db/duskgate}")
    assert (loaded.ledger_path, loaded.ledger_url) == (None, "postgresql://duskgate@db/duskgate")
    without = section("")
    assert (without.ledger_path, without.ledger_url) == (None, None)


@pytest.mark.parametrize(
    ("name", "noticed"),
    [("gateway.yaml", True), ("duskgate.db", False), ("duskgate.db-wal", False), ("duskgate.db-shm", False)],
)
def test_the_ledger_wakes_nobody(tmp_path: Path, name: str, noticed: bool) -> None:
    config = tmp_path / "gateway.yaml"
    config.touch()

    async def look() -> bool:
        watching = changes([config], [tmp_path / "duskgate.db"])
        waiting = asyncio.ensure_future(anext(watching))
        try:
            for _ in range(20):  # the watch takes a moment to begin
                (tmp_path / name).write_text("something new")
                done, _ = await asyncio.wait([waiting], timeout=0.05)
                if done:
                    return True
            return False
        finally:
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
            await watching.aclose()  # type: ignore[attr-defined]

    assert asyncio.run(look()) == noticed


def test_a_busy_ledger_does_not_keep_anybody_from_looking(tmp_path: Path) -> None:
    """What changed before the watch began is found by looking alone, so that has to go on."""
    config, database = tmp_path / "gateway.yaml", tmp_path / "duskgate.db"
    config.touch()

    async def look() -> bool:
        watching = changes([config], [database], recheck_ms=500)
        waiting = asyncio.ensure_future(anext(watching))
        try:
            for _ in range(200):
                database.write_text("something new")
                done, _ = await asyncio.wait([waiting], timeout=0.05)
                if done:
                    return True
            return False
        finally:
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
            await watching.aclose()  # type: ignore[attr-defined]

    assert asyncio.run(look())
