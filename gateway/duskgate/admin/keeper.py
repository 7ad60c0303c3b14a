"""What one process does for the whole gateway: judging gates, telling workers who is known, warning in time.

It runs in the admin process, so that none of it can slow a request, and so that it is done once however many
workers there are.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from duskgate.admin.following import Following
from duskgate.admin.newcomers import Newcomers
from duskgate.admin.records import NoRecords, Records
from duskgate.control.entries import BrokenEntries
from duskgate.control.switches import GATES, entries_in, gate_text, judged_entry
from duskgate.middleware.clock import Clock, system_clock
from duskgate.policy.accept import Verdict
from duskgate.policy.instants import rfc3339
from duskgate.policy.lifecycle import Grace
from duskgate.policy.plan import Plan, Rule
from duskgate.policy.switches import Gate, Judged
from duskgate.policy.timeline import rules, where
from duskgate.proxy.run_dir import SEEN
from duskgate.usage.gates import NO_LEDGER, Facts, gates, judge, still_open

logger = logging.getLogger("duskgate")

TICK = 5.0
"""Seconds between two rounds."""

REMIND = 86_400_000
"""Ms between two warnings of the same thing."""


class Standing(NamedTuple):
    """A gate as it stands: how it was judged last, and whether it holds its sunset back right now."""

    gate: Gate
    judged: Judged
    holding: bool


class Keeper:
    """Looks after the plan of ``following``. ``standing`` are its gates, as of the last round."""

    def __init__(
        self,
        following: Following,
        run_dir: Path,
        records: Records | None = None,
        clock: Clock = system_clock,
    ) -> None:
        self._following = following
        self._records = records or NoRecords()
        self._newcomers = Newcomers(run_dir / SEEN, self._records)
        self._clock = clock
        self._warned: dict[str, int] = {}
        self.standing: list[Standing] = []

    async def run(self) -> None:
        """One round after the other, until cancelled."""
        while True:
            try:
                await asyncio.to_thread(self.round)
            except Exception:  # a round that fails must not be the last one
                logger.exception("a round of the keeper failed")
            await asyncio.sleep(TICK)

    def round(self) -> None:
        """Look at everything once."""
        self._following.refresh()
        plan, now = self._following.plan, self._clock()
        self._judge(plan, self._records.facts() or self._fault(), now)
        self._newcomers.round(
            plan,
            now,
            lambda version, why: self._warn(
                f"freeze {version}", f"{version}: nobody is kept off: {why or self._fault()}", now
            ),
            ahead=self._following.loaded.document.server.rehearsal,
        )
        for key, text in _expiring(plan, now):
            self._warn(key, text, now)

    def _fault(self) -> str:
        return self._records.fault or NO_LEDGER

    def _judge(self, plan: Plan, facts: Facts | str, now: int) -> None:
        found: dict[Gate, Judged] = {}
        for gate, rule in gates(plan):
            told = self._following.told(rule.api, rule.version)
            judged = judge(gate, rule, facts, plan, told, now)
            found[gate] = self._keep(gate, still_open(judged, self._following.judged(gate), rule, now), now)
        self._following.refresh()  # so that a gate stands as the workers have it from now on
        self.standing = [
            self._stands(gate, rule, found[gate], now)
            for gate, rule in gates(self._following.plan)
            if gate in found
        ]

    def _stands(self, gate: Gate, rule: Rule, judged: Judged, now: int) -> Standing:
        """A gate as it stands; warns while it holds its sunset back, or has let it pass without being met."""
        sunset, bound = rule.lifecycle.sunset, rule.lifecycle.held_until
        holding = sunset is not None and bound is not None and sunset <= now < bound
        if holding or (judged.verdict is not Verdict.MET and sunset is not None and now >= sunset):
            self._warn(f"gate {gate} {holding}", _unmet(rule, judged, bound if holding else None), now)
        return Standing(gate, judged, holding)

    def _keep(self, gate: Gate, judged: Judged, now: int) -> Judged:
        """Put a new verdict on record, where every worker sees it."""
        before = self._following.judged(gate)
        if before is not None and before._replace(reasons=()) == judged._replace(reasons=()):
            return judged
        entries = entries_in(self._following.loaded.state)
        try:
            entries.put(GATES, gate_text(gate), judged_entry(judged), by="duskgate", at=now)
        except (OSError, BrokenEntries) as error:
            self._warn("gates", f"the verdict on a gate cannot be kept: {error}", now)
            return judged
        logger.info("gate %s: %s (%s)", gate_text(gate), judged.verdict.value, "; ".join(judged.reasons))
        return judged

    def _warn(self, key: str, text: str, now: int) -> None:
        if abs(now - self._warned.get(key, -REMIND)) >= REMIND:  # the clock may have been set back
            self._warned[key] = now
            logger.warning("%s", text)


def _unmet(rule: Rule, judged: Judged, until: int | None) -> str:
    reasons = "; ".join(judged.reasons)
    if until is None:
        return f"gate of {where(rule)} {judged.verdict.value}, its sunset took effect all the same: {reasons}"
    return (
        f"gate of {where(rule)} {judged.verdict.value}, its sunset is held until {rfc3339(until)}: {reasons}"
    )


def expiring(plan: Plan, now: int) -> Iterator[tuple[Rule, Grace]]:
    """Every grace that ends soon."""
    for rule, whole in rules(plan):
        for grace in rule.lifecycle.grace.values():
            own = rule is whole or whole.lifecycle.grace.get(grace.consumer) != grace
            if own and now < grace.until and rule.lifecycle.expiring(grace, now):
                yield rule, grace


def _expiring(plan: Plan, now: int) -> Iterator[tuple[str, str]]:
    for rule, grace in expiring(plan, now):
        key = f"grace {where(rule)} {grace.consumer}"
        ends = f"grace of {grace.consumer} for {where(rule)} ends {rfc3339(grace.until)}"
        yield key, f"grace_expiring: {ends} (owner {grace.owner}: {grace.reason})"
