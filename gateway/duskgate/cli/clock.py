"""``duskgate serve --clock``: a staging gateway that lives at another time, and says so again and again."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from duskgate.cli.common import fail, in_words
from duskgate.config import Loaded
from duskgate.control.claim import OtherClock, claim
from duskgate.middleware.clock import shifted, system_clock
from duskgate.policy.instants import rfc3339
from duskgate.policy.timeline import rules

logger = logging.getLogger("duskgate")

AGAIN_SECONDS = 3600.0


def own_state(loaded: Loaded, *, shifted: bool) -> None:
    """Stop if verdicts of another time would be put on record where a gateway with the real time looks."""
    plan = loaded.plan
    if not plan.guarded and all(rule.lifecycle.accept is None for rule, _ in rules(plan)):
        return
    if shifted and "state" not in loaded.document.server.model_fields_set:
        fail(
            "--clock: there are acceptance gates or guards, and how they are judged at another time must not"
            " be on record for the real gateway; set server.state to a folder of this one's own"
        )
    try:
        claim(loaded.state, shifted=shifted)
    except OtherClock as error:
        fail(f"server.state: {error}")
    except OSError:
        pass  # nothing can be put on record there; who tries to says so


@contextmanager
def saying(shift: int, every: float = AGAIN_SECONDS) -> Iterator[None]:
    """Log that the clock is ``shift`` ms ahead, now and every so many seconds, if it is."""
    if not shift:
        yield
        return
    ended = threading.Event()
    clock = shifted(system_clock, shift)

    def say() -> None:
        way = "ahead of" if shift > 0 else "behind"
        logger.warning(
            "THE CLOCK IS SHIFTED: it is %s here, %s %s the machine's time. For staging only: "
            "the ledger is not written.",
            rfc3339(clock()),
            in_words(abs(shift)),
            way,
        )

    def again() -> None:
        while not ended.wait(every):
            say()

    say()
    thread = threading.Thread(target=again, name="clock-reminder", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
