"""How a database becomes a ledger, and what two releases that run side by side make of it."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Column, Connection, MetaData, Table, Text, select

from duskgate.usage.ledger.keep import tidy
from duskgate.usage.ledger.reader import Reader
from duskgate.usage.ledger.schema import HEAD, MIGRATIONS, revision
from duskgate.usage.ledger.store import LedgerError
from duskgate.usage.ledger.tables import DAY, VERSION_TABLE, hours, metadata
from duskgate.usage.ledger.write import _adding
from tests.usage.ledger.world import KEY, NOON, put, row, session

NEXT_STEPS = Path(__file__).parent / "next_steps"


def alembic(connection: Connection | None = None) -> Config:
    """This release's steps and those of the next ones."""
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    config.set_main_option("version_locations", f"{MIGRATIONS / 'versions'}:{NEXT_STEPS}")
    return config


def step(url: str, to: str) -> None:
    """What a later release does when it starts."""
    with session(url) as one, one.transaction() as connection:
        command.upgrade(alembic(connection), to)


def test_the_steps_lead_to_the_tables_of_this_release(url: str) -> None:
    put(url, [row(KEY, NOON)])
    with session(url) as one, one.transaction() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        assert compare_metadata(context, metadata) == []
        assert revision(connection) == HEAD


def test_every_step_is_one_of_a_single_line() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    script = ScriptDirectory.from_config(config)
    assert script.get_heads() == [HEAD]
    numbers = [one.revision for one in script.walk_revisions()]
    assert numbers == [f"{number:04d}" for number in range(len(numbers), 0, -1)]


def test_workers_that_start_together_make_one_ledger(url: str) -> None:
    failures: list[Exception] = []

    def start() -> None:
        try:
            put(url, [row(KEY, NOON)])
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=start) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert [one.count for one in Reader(url).rows()] == [6]


next_hours = Table(
    "ledger_hours",
    MetaData(),
    *(Column(column.name, column.type, primary_key=column.primary_key) for column in hours.columns),
    Column("traffic", Text, server_default="real"),
)


def put_next(url: str, traffic: str) -> None:
    """One request, as the next release would write it: what is usual is no part of its digest."""
    digest = KEY.digest() if traffic == "real" else KEY._replace(api=f"{KEY.api} {traffic}").digest()
    values = {"start": NOON, "id": digest, **KEY._asdict(), "traffic": traffic}
    with session(url) as one, one.transaction() as connection:
        connection.execute(
            _adding(next_hours, connection), [{**values, "count": 1, "first_seen": NOON, "last_seen": NOON}]
        )


def test_this_release_and_the_next_write_the_same_rows(url: str) -> None:
    put(url, [row(KEY, NOON)])
    step(url, "0002")
    put(url, [row(KEY, NOON)], [row(KEY._replace(consumer="zeta"), NOON)])
    put_next(url, "real")
    put_next(url, "rehearsed")
    put(url, [row(KEY, NOON)])
    with session(url) as one, one.transaction() as connection:
        columns = next_hours.c
        found = connection.execute(select(columns.consumer, columns.traffic, columns["count"])).all()
        assert revision(connection) == "0002", "a release takes no step back"
    assert sorted(tuple(one) for one in found) == [
        ("acme", "real", 4),
        ("acme", "rehearsed", 1),
        ("zeta", "real", 1),
    ]
    assert {name: use.count for name, use in Reader(url).consumers("accounts", "v1").items()} == {
        "acme": 5,
        "zeta": 1,
    }


def test_what_a_later_release_has_changed_it_tidies_itself(url: str) -> None:
    put(url, [row(KEY, NOON)])
    step(url, "0002")
    with session(url) as one:
        tidy(one, NOON + 100 * DAY, DAY, DAY)
    assert [one.count for one in Reader(url).rows()] == [1]


def test_a_ledger_that_needs_a_later_release_is_left_alone(url: str) -> None:
    put(url, [row(KEY, NOON)])
    step(url, "0003")
    for use in (lambda: put(url, [row(KEY, NOON)]), lambda: Reader(url).consumers("accounts", "v1")):
        with pytest.raises(LedgerError, match=r"of a later release \(step 0003\); this one knows 0001"):
            use()
