"""Asking the ledger. Synchronous: call it from a thread, never from an event loop.

Times are milliseconds since the epoch. A window is ``since <= t < until``, and what is kept by the hour
(later by the day) is counted whole where any of it may lie in the window: windows that begin and end with an
hour are exact as long as hours are kept. Consumers are labels: a known name, ``~`` and a digest,
``anonymous``, or ``other`` for those beyond the bounds. Requests for which no version was chosen have
``none`` as theirs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import groupby
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    Subquery,
    Table,
    cast,
    func,
    literal,
    select,
    union_all,
)
from sqlalchemy.exc import SQLAlchemyError

from duskgate.usage.ledger.answers import Called, ConsumerUse, DayCount, Part, Row, Use, VersionShare
from duskgate.usage.ledger.schema import ready
from duskgate.usage.ledger.store import LedgerError, engine, in_words, sqlite_path
from duskgate.usage.ledger.tables import DAY, HOUR, Key, days, hours

READ_ROWS = 1_000
"""Rows fetched at a time when they are streamed."""

PERIODS = ((hours, HOUR), (days, DAY))


class Reader:
    """Reads a ledger. Holds no connection between two questions; may be shared by threads.

    Every method raises LedgerError where there is no ledger, or where it cannot be read.
    """

    def __init__(self, url: str) -> None:
        """``url`` as ``Loaded.ledger_url`` gives it."""
        self._path = sqlite_path(url)
        self._engine = engine(url, read_only=True)

    def consumers(
        self, api: str, version: str, since: int | None = None, until: int | None = None
    ) -> Mapping[str, ConsumerUse]:
        """Who used a version, how often, and when first and last. Refused requests are uses too."""
        words = ("consumer", "endpoint", "outcome")
        sums = self._sums(words, since, until, api=api, version=version)
        return {
            consumer: _whole(Part(*one[1:]) for one in rows)
            for consumer, rows in groupby(sums, key=lambda one: one[0])
        }

    def first_seen_before(self, api: str, version: str, at: int, most: int | None = None) -> frozenset[str]:
        """The consumers that were seen on a version before an instant, as far back as the ledger goes.

        Of more than ``most`` only so many.
        """
        sums = self._sums(("consumer",), None, at, most, api=api, version=version)
        return frozenset(one[0] for one in sums)

    def share(
        self, api: str, since: int, until: int | None, endpoint: str | None = None
    ) -> Mapping[str, VersionShare]:
        """How many requests each version of an api got, and with which classes of statuses.

        ``endpoint``: those of one endpoint only.
        """
        where = {"api": api} if endpoint is None else {"api": api, "endpoint": endpoint}
        sums = self._sums(("version", "code"), since, until, None, **where)
        shares = {}
        for version, rows in groupby(sums, key=lambda one: one[0]):
            codes = {code: count for _, code, count, _, _ in rows}
            shares[version] = VersionShare(sum(codes.values()), codes)
        return shares

    def of_consumer(self, consumer: str, since: int | None = None) -> list[Called]:
        """What a consumer used, endpoint by endpoint, the most recent first."""
        sums = self._sums(("api", "version", "endpoint"), since, None, consumer=consumer)
        return sorted((Called(*one) for one in sums), key=lambda one: one.last_seen, reverse=True)

    def uses(self, since: int | None = None, until: int | None = None) -> list[Use]:
        """Everything that was used, by whom and how it ended."""
        words = ("api", "version", "endpoint", "consumer", "outcome")
        return [Use(*one) for one in self._sums(words, since, until)]

    def by_day(self, since: int | None = None, until: int | None = None) -> list[DayCount]:
        """How many requests each endpoint of each version got on each day (UTC), the earliest first."""
        words = ("start", "api", "version", "endpoint")
        sums: dict[tuple[int, str, str, str], int] = {}
        for start, api, version, endpoint, number, _, _ in self._sums(words, since, until):
            place = (start - start % DAY, api, version, endpoint)
            sums[place] = sums.get(place, 0) + number
        return [DayCount(*place[1:], place[0], number) for place, number in sorted(sums.items())]

    def begins(self) -> int | None:
        """When the first request was seen that the ledger still tells of; ``None`` while it is empty."""
        first = [select(func.min(table.c.first_seen).label("at")) for table, _ in PERIODS]
        both = union_all(*first).subquery()
        with self._asking() as connection:
            found: int | None = connection.execute(select(func.min(both.c["at"]))).scalar()
            return found

    def rows(self, since: int | None = None, until: int | None = None) -> Iterator[Row]:
        """Every row, the oldest period first. They are fetched as they are asked for."""
        both = _both(("start", *Key._fields, "count", "first_seen", "last_seen"), since, until, {})
        words = ("start", "length", *Key._fields, "count", "first_seen", "last_seen")
        wanted = select(*(both.c[word] for word in words)).order_by(both.c.start, both.c.length)
        with (
            self._asking() as connection,
            connection.execution_options(yield_per=READ_ROWS).execute(wanted) as streamed,
        ):
            yield from (Row(*one) for one in streamed)

    def _sums(
        self,
        words: tuple[str, ...],
        since: int | None,
        until: int | None,
        most: int | None = None,
        **where: str,
    ) -> list[tuple[Any, ...]]:
        """Uses summed by some of the words: (words, count, first_seen, last_seen), in the words' order."""
        both = _both((*words, "count", "first_seen", "last_seen"), since, until, where)
        by = [both.c[word] for word in words]
        sums: Select[Any] = select(
            *by,
            cast(func.sum(both.c["count"]), BigInteger),
            func.min(both.c.first_seen),
            func.max(both.c.last_seen),
        )
        with self._asking() as connection:
            return [tuple(one) for one in connection.execute(sums.group_by(*by).order_by(*by).limit(most))]

    @contextmanager
    def _asking(self) -> Iterator[Connection]:
        if self._path is not None and not self._path.is_file():
            raise LedgerError(f"there is no ledger at {self._path}; a gateway makes one when it serves")
        try:
            with self._engine.connect() as connection, connection.begin():
                if not ready(connection):
                    raise LedgerError("the database has no ledger of this release yet; serving makes it")
                yield connection
        except SQLAlchemyError as error:
            raise LedgerError(f"the ledger cannot be read: {in_words(error)}") from error


def _whole(parts: Iterator[Part]) -> ConsumerUse:
    known = tuple(parts)
    return ConsumerUse(
        sum(part.count for part in known),
        min(part.first_seen for part in known),
        max(part.last_seen for part in known),
        known,
    )


def _both(words: tuple[str, ...], since: int | None, until: int | None, where: Mapping[str, str]) -> Subquery:
    """Hours and days together: no use stands in both."""
    return union_all(
        *(
            select(*(table.c[word] for word in words), literal(length).label("length")).where(
                *_within(table, length, since, until), *(table.c[word] == is_ for word, is_ in where.items())
            )
            for table, length in PERIODS
        )
    ).subquery()


def _within(table: Table, length: int, since: int | None, until: int | None) -> Iterator[ColumnElement[bool]]:
    """The rows that tell of something in a window. ``start`` is what the index has."""
    if since is not None:
        yield table.c.start > since - length
        yield table.c.last_seen >= since
    if until is not None:
        yield table.c.start < until
        yield table.c.first_seen < until
