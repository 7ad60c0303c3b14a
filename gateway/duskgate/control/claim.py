"""Which time a gateway's state folder goes by: what is judged at another one must not meet the real gateway.

A gate that opens stays open, so a verdict found in the future would let the real gateway's sunset pass; and
a staging gateway's guard would stop the real one's rollout.
"""

from __future__ import annotations

from pathlib import Path

from duskgate.control.switches import FILE

MARK = "clock"
"""The file in a state folder that says so."""

REAL, SHIFTED = "the machine's", "shifted"


class OtherClock(ValueError):
    """The folder belongs to a gateway that goes by another time; the message says what to do."""


def claim(state: Path, *, shifted: bool) -> None:
    """Make a state folder one for the machine's time, or for a shifted one.

    Raises OtherClock if it is the other kind already, and OSError if it cannot be written.
    """
    mark, own = state / MARK, SHIFTED if shifted else REAL
    found = _found(state)
    if found is None:
        state.mkdir(parents=True, exist_ok=True)
        mark.write_text(f"{own}\n", encoding="utf-8")
    elif found != own:
        who = "a gateway with the real time" if shifted else "a staging gateway (serve --clock)"
        raise OtherClock(f"{state} holds what {who} has on record; set server.state to another folder")


def _found(state: Path) -> str | None:
    try:
        return (state / MARK).read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return REAL if (state / FILE).exists() else None
