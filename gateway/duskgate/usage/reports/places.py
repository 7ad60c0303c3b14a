"""From what the ledger knows of a request to the rules that it may have come under."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from duskgate.policy.plan import Plan, Rule

NOWHERE = "none"
"""The version of requests for which none was chosen."""


class Place(NamedTuple):
    """Where requests landed, as the ledger tells it. ``endpoint`` is a template, or ``*``."""

    api: str
    version: str
    endpoint: str


class Placed(Protocol):
    """Anything the ledger counts by where it landed."""

    @property
    def api(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def endpoint(self) -> str: ...


def place_of(one: Placed) -> Place:
    """Where a rule, or a count of the ledger, is at home."""
    return Place(one.api, one.version, one.endpoint)


def rules_by_place(plan: Plan) -> Mapping[Place, tuple[Rule, ...]]:
    """Every rule of a plan. A place has several where they differ in methods, which the ledger has not."""
    found: dict[Place, tuple[Rule, ...]] = {}
    for rule in every_rule(plan):
        found[place_of(rule)] = (*found.get(place_of(rule), ()), rule)
    return found


def every_rule(plan: Plan) -> list[Rule]:
    """The rules of a plan's versions, and of their endpoints."""
    whole = [rule for api in plan.apis.values() for rule in api.rules.values()]
    tries = [api.endpoints for api in plan.apis.values() if api.endpoints is not None]
    return whole + [rule for trie in tries for rules in trie.values() for rule in rules.values()]
