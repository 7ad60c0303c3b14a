"""A flag file in flagd's format: read, checked and ready to evaluate, or refused with the reason."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from openfeature.contrib.tools.flagd.core import FlagdCore
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import OpenFeatureError

from duskgate.flags.reads import OF_THE_CALLER, reads

_PROBE = EvaluationContext("duskgate-probe", {"consumer": "duskgate-probe", "api": "", "endpoint": ""})


MOST_NODES = 1_000_000


class InvalidFlags(ValueError):
    """The text is not a flag set that can be used; the message says where and why."""


@dataclass(frozen=True, slots=True)
class FlagSet:
    """A flag set that can be used. ``flags`` is what is written of each, references put in.

    ``looks`` are the attributes that each flag's rule looks at, and ``personal`` the flags whose rules look
    at nothing but the caller.
    """

    core: FlagdCore
    flags: Mapping[str, Any]
    looks: Mapping[str, frozenset[str]]
    personal: frozenset[str]


def read_flags(text: str) -> FlagSet:
    """Read flagd's JSON (https://flagd.dev/reference/flag-definitions/). Raises InvalidFlags."""
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise InvalidFlags(f"{error.lineno}:{error.colno}: not JSON: {error.msg}") from None
    except ValueError as error:  # a number with more digits than Python reads
        raise InvalidFlags(f"not JSON: {error}") from None
    except RecursionError:
        raise InvalidFlags("nested too deeply") from None
    flags = document.get("flags") if isinstance(document, dict) else None
    if not isinstance(flags, dict):
        raise InvalidFlags("there is no mapping named flags at the top")
    if not isinstance(document.get("$evaluators", {}), dict):
        raise InvalidFlags("$evaluators: takes a mapping")
    for name, flag in flags.items():
        _check(name, flag)
    flags = _expanded(flags, document.get("$evaluators", {}))
    core = _core({**document, "flags": flags, "$evaluators": {}})
    for name in flags:
        _probe(core, name, flags[name])
    looks = {name: reads(flag.get("targeting")) for name, flag in flags.items()}
    return FlagSet(core, flags, looks, frozenset(name for name in flags if looks[name] <= OF_THE_CALLER))


def _expanded(flags: Mapping[str, Any], evaluators: Mapping[str, Any]) -> dict[str, Any]:
    try:
        whole: dict[str, Any] = _Expansion(evaluators).of(flags)
    except RecursionError:
        raise InvalidFlags("nested too deeply") from None
    return whole


def _core(document: Mapping[str, Any]) -> FlagdCore:
    core = FlagdCore()
    try:
        core.set_flags(json.dumps(document))
    except RecursionError:
        raise InvalidFlags("nested too deeply") from None
    except OpenFeatureError as error:
        raise InvalidFlags(error.error_message or type(error).__name__) from None
    except Exception as error:  # the library checks some of the set, and trips over the rest
        raise InvalidFlags(f"is not a flag set: {type(error).__name__}: {error}") from None
    return core


class _Expansion:
    """Puts shared rules in the place of their ``$ref``: the library's way breaks on quotes and accents."""

    def __init__(self, evaluators: Mapping[str, Any]) -> None:
        self._evaluators = evaluators
        self._nodes = 0

    def of(self, rule: Any, within: tuple[str, ...] = ()) -> Any:
        """The rule without references. Raises InvalidFlags where it cannot be."""
        self._nodes += 1
        if self._nodes > MOST_NODES:
            raise InvalidFlags("the rules unfold to an unreasonable size")
        if isinstance(rule, list):
            return [self.of(item, within) for item in rule]
        if not isinstance(rule, dict):
            return rule
        name = rule.get("$ref") if len(rule) == 1 else None
        if not isinstance(name, str):
            return {key: self.of(value, within) for key, value in rule.items()}
        if name not in self._evaluators:
            raise InvalidFlags(f"$ref: there is no {name!r} in $evaluators")
        if name in within:
            raise InvalidFlags(f"$evaluators: {name} refers to itself")
        return self.of(self._evaluators[name], (*within, name))


def _check(name: str, flag: Any) -> None:
    if not isinstance(flag, dict):
        raise InvalidFlags(f"{name}: takes a mapping")
    variants = flag.get("variants")
    if not isinstance(variants, dict) or not variants:
        raise InvalidFlags(f"{name}: has no variants")
    default = flag.get("defaultVariant")
    if default is not None and default != "" and default not in list(variants):
        raise InvalidFlags(f"{name}: the defaultVariant {default!r} is not among its variants")
    if not isinstance(flag.get("targeting", {}), dict):
        raise InvalidFlags(f"{name}: targeting takes a mapping")


def _probe(core: FlagdCore, name: str, flag: Mapping[str, Any]) -> None:
    """Evaluate once, so that a rule with an unknown operator is refused here and not in traffic."""
    if not flag.get("targeting") or not all(isinstance(one, bool) for one in flag["variants"].values()):
        return
    try:
        core.resolve_boolean_value(name, False, _PROBE)
    except OpenFeatureError as error:
        raise InvalidFlags(f"{name}: {error.error_message}") from None
    except Exception as error:  # the rule language's own errors have no common type
        raise InvalidFlags(f"{name}: the targeting rule fails: {type(error).__name__}: {error}") from None
