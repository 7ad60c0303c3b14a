"""What operators can ask and change about flags: the same from the command line and the admin API."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from duskgate.config import Loaded
from duskgate.config.tree import suggest
from duskgate.control.entries import Entries
from duskgate.flags.file import FlagsFile
from duskgate.flags.flagset import FlagSet
from duskgate.flags.overrides import OFF, ON
from duskgate.policy.identify import digest
from duskgate.policy.plan import Identity

LONGEST_USER = 1024
"""Characters of the longest name of a caller that is taken."""


class NotFlipped(ValueError):
    """The operator asked for something that makes no sense; the message says why and what would."""


class FlagOperations:
    """The flags of one gateway, and the callers they are flipped for.

    ``by`` is who asks, ``now`` when, in ms. Changes raise NotFlipped, BrokenEntries where the file of
    overrides cannot be understood, or OSError where it cannot be written.
    """

    def __init__(self, loaded: Loaded) -> None:
        """Raises NotFlipped if the configuration has no flags, and InvalidFlags if their file is broken."""
        path = loaded.overrides_path
        if path is None:
            raise NotFlipped(f"{loaded.path} has no flags: add the section flags")
        self.entries = Entries(path)
        self._identity = loaded.plan.identity
        self._set: FlagSet | None = (
            FlagsFile(loaded.flags_path).set if loaded.flags_path is not None else None
        )
        self._apis = {name: api.flags for name, api in loaded.plan.apis.items()}

    def listed(self) -> list[dict[str, Any]]:
        """Every flag in a few words: of a file those in it, else those that the configuration names."""
        overrides = self.entries.read()
        known = sorted({*self._known(), *overrides})
        return [
            {
                "flag": name,
                "default": self._written(name).get("defaultVariant"),
                "looks_at": self._looks(name),
                "apis": self._used_by(name),
                "overrides": len(overrides.get(name, {})),
            }
            for name in known
        ]

    def shown(self, flag: str) -> dict[str, Any]:
        """One flag: what is written of it, and who it is flipped for, by whom and when."""
        users = self.entries.read().get(flag, {})
        self._look(flag, users)
        written = self._written(flag)
        last = {one["key"]: one for one in self._changes(flag)} if users else {}
        return {
            "flag": flag,
            "state": written.get("state"),
            "variants": written.get("variants"),
            "default": written.get("defaultVariant"),
            "looks_at": self._looks(flag),
            "rule": written.get("targeting") or None,
            "apis": self._used_by(flag),
            "overrides": {
                user: {"value": value, **{key: last.get(user, {}).get(key) for key in ("by", "at")}}
                for user, value in sorted(users.items())
            },
        }

    def flip(self, flag: str, users: Iterable[str], on: bool, *, by: str, now: int) -> None:
        """Turn a flag on or off for some callers, each as the gateway names it."""
        self._look(flag, ())
        value = ON if on else OFF
        places = {(flag, self._checked(user)): value for user in users}
        if not places:
            raise NotFlipped("nobody is named")
        self.entries.put_all(places, by=by, at=now)

    def clear(self, flag: str, users: Iterable[str] | None, *, by: str, now: int) -> None:
        """Let the provider say again what a flag is: for some callers, or for all that it is flipped for."""
        flipped = self.entries.read().get(flag, {})
        self._look(flag, flipped)
        wanted = list(flipped if users is None else users)
        missing = next((user for user in wanted if user not in flipped), None)
        if missing is not None or not wanted:
            who = "anybody" if missing is None else missing
            raise NotFlipped(f"{flag} is not flipped for {who}; {suggest(who, list(flipped)) or 'nobody is'}")
        self.entries.put_all(dict.fromkeys(((flag, user) for user in wanted), None), by=by, at=now)

    def _checked(self, user: str) -> str:
        if not user.strip() or len(user) > LONGEST_USER or not user.isprintable():
            raise NotFlipped(f"a user is a printable text of at most {LONGEST_USER} characters")
        name = _consumer(self._identity, user)
        if name is not None:
            raise NotFlipped(f"what is given is how the consumer {name} is recognised; give its name: {name}")
        return user

    def _look(self, flag: str, flipped: Iterable[str]) -> None:
        known = self._known()
        if flag not in known and not [*flipped]:
            hint = suggest(flag, known)
            raise NotFlipped(f"there is no flag {flag!r}{f'; {hint}' if hint else ''}")

    def _known(self) -> list[str]:
        named = {flag for flags in self._apis.values() for flag in flags}
        return sorted(self._set.flags if self._set is not None else named)

    def _written(self, flag: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self._set.flags.get(flag, {}) if self._set is not None else {}
        return found

    def _looks(self, flag: str) -> list[str] | None:
        return sorted(self._set.looks[flag]) if self._set is not None and flag in self._set.looks else None

    def _used_by(self, flag: str) -> list[str]:
        return [name for name, flags in self._apis.items() if flag in flags]

    def _changes(self, flag: str) -> Iterator[dict[str, Any]]:
        return (one for one in self.entries.audit() if one["section"] == flag)


def _consumer(identity: Identity, value: str) -> str | None:
    """The consumer that a header's value belongs to, if it is one: the value itself is never looked up."""
    for caller in identity.callers:
        name = identity.known.get((caller.tag, digest(identity.key, caller.tag, value.encode())))
        if name is not None and name != value:
            return name
    return None
