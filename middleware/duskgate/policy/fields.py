"""Paths to the fields of a JSON document, written in a small part of JSONPath (RFC 9535).

``$`` is the document, ``.name`` or ``['any name']`` a member, ``[*]`` or ``.*`` every item or member, and
``..name`` a member at any depth.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")

MOST_STEPS = 32
"""A longer path can be neither written nor recorded."""

_NAME = r"[^\W\d][\w-]*"
_STEP = re.compile(
    rf"(?P<deep>\.\.)?(?:(?P<dot>\.)?(?P<plain>{_NAME}|\*)|\[(?:(?P<star>\*)|(?P<q>['\"])(?P<quoted>[^'\"]+)(?P=q))\])"
)
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,39}")
_LIKE_DATA = re.compile(r"\d{4}|[0-9a-fA-F]{8}-|^(?=.*\d)[0-9a-fA-F]{12,}$")


class FieldPathError(ValueError):
    """A field path that cannot be read; the message says what is wrong with it."""


class Step(NamedTuple):
    """One step down. ``name`` is ``None`` for whatever is there; ``deep``: at any depth below."""

    name: str | None
    deep: bool = False


def parse_field(text: str) -> tuple[Step, ...]:
    """Read a field path. Raises FieldPathError."""
    if not text.startswith("$"):
        raise FieldPathError(f"{text!r} is not a field path; it begins with $, as in $.items[*].id")
    steps: list[Step] = []
    at = 1
    while at < len(text):
        found = _STEP.match(text, at)
        if found is None or not _has_its_dot(found):
            raise FieldPathError(f"{text!r} cannot be read from {text[at:]!r} on; {_hint(text[at:])}")
        name = found["plain"] or found["quoted"] or "*"
        wild = found["quoted"] is None and name == "*"
        steps.append(Step(None if wild else name, found["deep"] is not None))
        at = found.end()
    if len(steps) > MOST_STEPS:
        raise FieldPathError(f"a field path has at most {MOST_STEPS} steps")
    return tuple(steps)


def _has_its_dot(found: re.Match[str]) -> bool:
    """One dot or two before a plain name; none but two before a bracket."""
    return found["plain"] is None or (found["dot"] is None) is not (found["deep"] is None)


def _hint(rest: str) -> str:
    return "write [*] for every item" if re.match(r"\[\d+\]", rest) else "write $.name, $.list[*] or $..name"


class FieldMap(Generic[T]):
    """What is declared for fields, followed from a document's top downwards.

    ``value`` is what is declared for the field that was reached; of several declarations the last counts.
    ``empty``: nothing is declared for it, nor for anything below.
    """

    __slots__ = ("_paths", "value")

    def __init__(self, paths: Iterable[tuple[tuple[Step, ...], T]] = ()) -> None:
        self.value: T | None = None
        kept = []
        for steps, value in paths:
            if steps:
                kept.append((steps, value))
            else:
                self.value = value
        self._paths = tuple(kept)

    @property
    def empty(self) -> bool:
        return not self._paths and self.value is None

    def below(self, name: str | None) -> FieldMap[T]:
        """What is declared for a member; ``None`` for an item of a list."""
        if not self._paths:
            return self if self.value is None else FieldMap()
        paths: list[tuple[tuple[Step, ...], T]] = []
        for steps, value in self._paths:
            if steps[0].deep:
                paths.append((steps, value))
            if steps[0].name is None or steps[0].name == name:
                paths.append((steps[1:], value))
        return FieldMap(paths)


Trail = tuple["Trail | None", str | None]
"""Where a walk through a document stands: what is above, and the member's name or ``None`` for an item."""


def written(trail: Trail | None) -> str:
    """The field path of a trail: items without their numbers, and ``*`` for names that may be data.

    So it is one of few, and tells nothing of what the document holds. A trail that is too long is cut.
    """
    names: list[str | None] = []
    while trail is not None:
        trail, name = trail
        names.append(name)
    return "$" + "".join(_step(name) for name in reversed(names[-MOST_STEPS:]))


def _step(name: str | None) -> str:
    if name is None:
        return "[*]"
    return f".{name}" if is_field_name(name) else ".*"


def is_field_name(name: str) -> bool:
    """Whether a member's name looks like one that a programmer chose: an identifier without an id in it."""
    return _PLAIN.fullmatch(name) is not None and _LIKE_DATA.search(name) is None
