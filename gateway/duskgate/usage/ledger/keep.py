"""How long the ledger keeps what: old hours become days, old days go."""

from __future__ import annotations

import random

from duskgate.usage.ledger.schema import HEAD, revision
from duskgate.usage.ledger.session import Session
from duskgate.usage.ledger.tables import DAY, HOUR
from duskgate.usage.ledger.write import forget, oldest_hour, roll_up

WRITERS_KEPT = 7 * DAY
"""No writer tries to write the same batch for so long."""


class Keep:
    """Tidies up, about once an hour in each worker: whoever comes first does the work."""

    def __init__(self, hours: int, days: int) -> None:
        """How long hours and days are kept, in ms, from their end."""
        self._hours, self._days = hours, days
        self._next = 0

    def look(self, session: Session, now: int) -> None:
        """Tidy up if it is time. Raises what ``session.transaction`` does, and then tries again soon."""
        if self._next - 2 * HOUR < now < self._next:
            return
        if not tidy(session, now, self._hours, self._days, most=1):
            return  # the next day after the next flush: neither a flush nor a stop waits for all of them
        self._next = now + HOUR + random.randrange(HOUR // 4)  # noqa: S311  so that workers do not meet


def tidy(session: Session, now: int, hours: int, days: int, most: int | None = None) -> bool:
    """Put hours that ended more than ``hours`` ms ago into days, whole days only, a day at a time.

    Days that ended more than ``days`` ms ago are deleted. In a database that a later release has changed
    nothing is done: only that release knows what to put together.
    """
    with session.transaction() as connection:
        if revision(connection) != HEAD:
            return True
    last = (now - hours) // DAY * DAY
    done = 0
    while True:
        if done == most:
            return False
        with session.transaction(repeatable=True) as connection:
            oldest = oldest_hour(connection)
            if oldest is None or oldest >= last:
                break
            roll_up(connection, oldest // DAY * DAY)
        done += 1
    with session.transaction() as connection:
        forget(connection, now - days - DAY, now - WRITERS_KEPT)
    return True
