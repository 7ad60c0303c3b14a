"""The ledger, if the YAML asks for one, for writing it."""

from __future__ import annotations

import logging
from typing import Protocol

from duskgate.config import Loaded
from duskgate.usage.instruments import Instruments
from duskgate.usage.recorder import Keeper

logger = logging.getLogger("duskgate")


class Ledger(Keeper, Protocol):
    """A ledger that is being written."""

    def close(self) -> None:
        """Write everything that waits, within bounds. Blocks."""


def open_ledger(loaded: Loaded, instruments: Instruments) -> Ledger | None:
    """Start the ledger, or say why there is none: requests are served all the same."""
    section = loaded.document.ledger
    if section is None or loaded.ledger_url is None:
        return None
    # SQLAlchemy is some 14 MiB, which a gateway without a ledger need not carry
    from duskgate.usage.ledger import ledger, metrics, store

    settings = ledger.Settings(
        loaded.ledger_url,
        flush=section.flush,
        keep_hours=section.keep_hours,
        keep_days=section.keep_days,
        max_consumers=section.max_consumers,
        named=len(loaded.document.consumers),
    )
    try:
        return ledger.Ledger(settings, metrics.LedgerMetrics(instruments))
    except store.LedgerError as error:
        logger.error("ledger: none is kept: %s", error)
        return None
