"""The switches of a gateway: ``switches.json`` in its state folder, read into what a plan takes.

Operators write it through ``duskgate switch`` and the admin API; the admin process writes how gates were
judged. Every process of the gateway follows the file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from duskgate.control.entries import BrokenEntries, Entries, Sections, parsed
from duskgate.policy.accept import Verdict
from duskgate.policy.guard import Action, Stop
from duskgate.policy.instants import instant_of_text, rfc3339
from duskgate.policy.lifecycle import Hold
from duskgate.policy.plan import WHOLE
from duskgate.policy.switches import EVERYTHING, Gate, Judged, Switches, Target

FILE = "switches.json"

HOLDS, NO_BROWNOUTS, GATES = "holds", "no-brownouts", "gates"
NOTIFIED, ROLLOUTS = "notified", "rollouts"
"""The sections of the file."""

BY_GUARD = "duskgate"
"""Who stopped a rollout, where it was its guard."""


def entries_in(state: Path) -> Entries:
    """The switches kept in a state folder."""
    return Entries(state / FILE)


def target_of(text: str) -> Target:
    """Read ``*``, ``accounts``, ``accounts/v1`` or ``accounts/v1 /users/{id}``. Raises ValueError."""
    if text == "*":
        return EVERYTHING
    place, _, endpoint = text.partition(" ")
    api, _, version = place.partition("/")
    if not api or (endpoint and not version):
        raise ValueError(f"{text!r} is not *, API, API/VERSION or 'API/VERSION /endpoint'")
    return Target(api, version or None, endpoint.strip() or None)


def text_of(target: Target) -> str:
    """The same the other way round."""
    if target.api is None:
        return "*"
    place = target.api if target.version is None else f"{target.api}/{target.version}"
    return place if target.endpoint is None else f"{place} {target.endpoint}"


def gate_text(gate: Gate) -> str:
    """A gate's key in the file."""
    api, version, endpoint = gate
    return text_of(Target(api, version, None if endpoint == WHOLE else endpoint))


def hold_entry(until: int, by: str, reason: str) -> dict[str, str]:
    """A hold as it stands in the file."""
    return {"until": rfc3339(until), "by": by, "reason": reason}


def judged_entry(judged: Judged) -> dict[str, Any]:
    """A gate's verdict as it stands in the file."""
    opened = None if judged.open is None else rfc3339(judged.open)
    return {"verdict": judged.verdict.value, "reasons": list(judged.reasons), "open": opened}


def stop_entry(stop: Stop) -> dict[str, str]:
    """A rollout's stop as it stands in the file."""
    return {
        "action": stop.action.value,
        "since": rfc3339(stop.since),
        "by": stop.by,
        "reason": stop.reason,
    }


def switches_of(sections: Sections) -> Switches:
    """What the file's sections say. Raises BrokenEntries."""
    return Switches(
        holds=_each(sections, HOLDS, _hold),
        no_brownouts=frozenset(_each(sections, NO_BROWNOUTS, lambda entry: None)),
        gates={
            (target.api or "", target.version or "", target.endpoint or WHOLE): judged
            for target, judged in _each(sections, GATES, _judged).items()
        },
        stops={
            (target.api or "", target.version or ""): stop
            for target, stop in _each(sections, ROLLOUTS, _stop).items()
        },
    )


def told_in(sections: Sections, api: str, version: str) -> frozenset[str]:
    """The consumers on record as told of a version's end."""
    start = f"{api}/{version} "
    return frozenset(key.removeprefix(start) for key in sections.get(NOTIFIED, {}) if key.startswith(start))


def _each(sections: Sections, name: str, read: Callable[[Any], Any]) -> Mapping[Target, Any]:
    found = {}
    for key, entry in sections.get(name, {}).items():
        try:
            found[target_of(key)] = read(entry)
        except (KeyError, TypeError, ValueError) as error:
            raise BrokenEntries(f"{name}: {key}: cannot be understood: {error}") from None
    return found


def _hold(entry: Any) -> Hold:
    return Hold(instant_of_text(entry["until"]), str(entry["by"]), str(entry["reason"]))


def _judged(entry: Any) -> Judged:
    opened = None if entry["open"] is None else instant_of_text(entry["open"])
    return Judged(Verdict(entry["verdict"]), tuple(map(str, entry["reasons"])), opened)


def _stop(entry: Any) -> Stop:
    since = instant_of_text(entry["since"])
    return Stop(Action(entry["action"]), since, str(entry["by"]), str(entry["reason"]))


class SwitchesFile:
    """The switches in force, following their file. A broken file changes nothing."""

    def __init__(self, state: Path) -> None:
        self.path = state / FILE
        self.sections: Sections = {}
        self.switches = Switches()
        self.fault: str | None = None
        self._seen: bytes | None = None
        self.refresh()

    def refresh(self) -> bool:
        """Look at the file; ``True`` if what is in force changed. ``fault`` says what is wrong with it."""
        content = _content(self.path)
        seen = None if content is None else hashlib.sha256(content).digest()
        if seen == self._seen:
            return False
        self._seen = seen
        try:
            text = "{}" if content is None else content.decode("utf-8")
            sections = parsed(text, self.path)
            switches = switches_of(sections)
        except (BrokenEntries, UnicodeDecodeError) as error:
            self.fault = str(error)
            return False
        changed = sections != self.sections
        self.sections, self.switches, self.fault = sections, switches, None
        return changed


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None
