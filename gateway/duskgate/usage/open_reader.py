"""The ledger, if the YAML asks for one, for reading it: also by who must not import Prometheus' client."""

from __future__ import annotations

from typing import TYPE_CHECKING

from duskgate.config import Loaded

if TYPE_CHECKING:
    from duskgate.usage.ledger.reader import Reader


def open_reader(loaded: Loaded) -> Reader | None:
    """What answers from the ledger. It opens nothing before it is asked."""
    if loaded.ledger_url is None:
        return None
    from duskgate.usage.ledger.reader import Reader

    return Reader(loaded.ledger_url)
