"""What a flagd rule looks at: a result may be remembered only if it is all about the caller."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

ANYTHING = "*"
"""Stands for a look at something that only the evaluation itself can name."""

OF_THE_CALLER = frozenset(("targetingKey", "consumer"))


def reads(rule: Any) -> frozenset[str]:
    """The attributes that a rule without references looks at, ``ANYTHING`` among them if some are unknown.

    ``$flagd.timestamp`` is one of them; the flag's own key, which never changes, is none.
    """
    return frozenset(_looks(rule))


def _looks(rule: Any) -> Iterator[str]:
    if isinstance(rule, list):
        for item in rule:
            yield from _looks(item)
    if not isinstance(rule, dict):
        return
    for operator, operands in rule.items():
        if operator == "var":
            yield from _variable(operands)
        elif operator in ("missing", "missing_some"):
            yield ANYTHING
        elif operator == "fractional":
            yield "targetingKey"  # unless the rule says what to divide by; it does no harm to name it then
        yield from _looks(operands)


def _variable(operands: Any) -> Iterator[str]:
    name = operands[0] if isinstance(operands, list) and operands else operands
    if not isinstance(name, str) or name == "":
        yield ANYTHING
    elif name != "$flagd.flagKey":
        yield name if name.startswith("$flagd.") else name.partition(".")[0]
