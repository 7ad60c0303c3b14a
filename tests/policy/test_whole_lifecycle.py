"""Golden pairs: a gateway.yaml driven through every instant of its lifecycle, with whole answers.

``lifecycle/x.yaml`` is asked as each of ``CALLERS``, around each instant at which something changes;
``x.txt`` has a table of which answer each got, and the answers. ``x--how.json`` are switches on top of it,
with ``x--how.txt``. ``DUSKGATE_UPDATE=1`` writes the texts anew; read the difference before you keep it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import groupby
from pathlib import Path

import pytest

from duskgate.config import loads
from duskgate.control.entries import parsed
from duskgate.control.switches import switches_of
from duskgate.policy import Forward, Plan
from duskgate.policy.identify import identify
from duskgate.policy.instants import rfc3339
from duskgate.policy.lifecycle import Lifecycle
from duskgate.policy.switches import switched
from duskgate.policy.timeline import Kind, events
from duskgate.usage.recorder import place_of
from tests.stack import Answer, Asked, answers

HERE = Path(__file__).parent / "lifecycle"
UPDATE = os.environ.get("DUSKGATE_UPDATE") == "1"
ENV = {"DUSKGATE_IDENTITY_KEY": "always the same"}

CALLERS = {
    "ordinary": "some-key",
    "another": "another-key",
    "graced": "acme-key",
    "critical": "bank-key",
    "exempt": "ci-key",
    "newcomer": "new-key",
    "anonymous": None,
}
OFFSETS = {-1000: "1 s before", -1: "1 ms before", 0: "at", 1: "1 ms after", 1000: "1 s after"}
EDGE = {-1: "just before", 0: "at"}
REQUESTS = [
    ("GET", "/api/v1/users/7?full=1", OFFSETS),
    ("POST", "/api/v1/users", EDGE),
    ("PUT", "/api/v1/users/7/avatar", EDGE),
]

CASES = sorted((*HERE.glob("*.yaml"), *HERE.glob("*.json")))


def plan_in_force(case: Path) -> Plan:
    """The plan of a case: everybody but the newcomer was seen before the freeze."""
    config = case.with_name(f"{case.stem.split('--')[0]}.yaml")
    plan = loads(config.read_text(encoding="utf-8"), config, ENV).plan
    seen = {labels(plan)[name] for name in CALLERS if name != "newcomer"}
    text = case.read_text(encoding="utf-8") if case.suffix == ".json" else "{}"
    begun = {(one.api, one.version, one.at): seen for one in events(plan) if one.kind is Kind.FROZEN}
    switches = replace(switches_of(parsed(text, case)), seen=begun)
    return switched(plan, switches)


def labels(plan: Plan) -> dict[str, str]:
    """What each caller is known by."""
    return {
        name: identify(plan.identity, {b"x-api-key": key.encode()} if key else {}).label
        for name, key in CALLERS.items()
    }


def instants(plan: Plan, offsets: Mapping[int, str]) -> Iterator[tuple[int, str]]:
    """Every moment to ask at, with its name."""
    named: dict[int, str] = {}
    for at, found in groupby(events(plan), key=lambda event: event.at):
        what = ", ".join(dict.fromkeys(f"{one.kind} {one.endpoint}".removesuffix(" *") for one in found))
        for offset, name in offsets.items():
            named.setdefault(at + offset, f"{name} {what}")
            if offset == 0:
                named[at] = f"{name} {what}"
    yield from sorted(named.items())


VARYING = re.compile(rb"(?<=max-age=)\d+$")
"""Seconds that count down stand in the table, so that the answer stays one answer."""


def shown(answer: Answer) -> tuple[str, str]:
    """An answer as text, and the seconds that it gives."""
    status, headers, body = answer.without_reference()
    seconds = ""
    phase, decision = place_of(answer.exchange)[3], answer.exchange.decision
    counted = ", counted as a newcomer" if isinstance(decision, Forward) and decision.newcomer else ""
    lines = [f"{status} {answer.exchange.outcome}, {phase}{counted}"]
    for name, value in headers:
        countdown = value if name == b"retry-after" else None
        if name == b"cache-control" and (found := VARYING.search(value)) and status != 200:
            countdown, value = found[0], VARYING.sub(b"*", value)
        if countdown is not None:
            seconds = countdown.decode()
        shown_value = b"*" if name == b"retry-after" else value
        lines.append(f"  {name.decode()}: {shown_value.decode()}")
    lines.append(f"  | {body.decode()}")
    return "\n".join(lines) + "\n", seconds


def letters() -> Iterator[str]:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    yield from alphabet
    yield from (first + second for first in alphabet for second in alphabet)


def table(plan: Plan, method: str, target: str, offsets: Mapping[int, str]) -> str:
    """Who gets which answer when, and the answers."""
    moments = list(instants(plan, offsets))
    asked = [
        Asked(at, method, target, ((b"x-api-key", key.encode()),) if key else ())
        for at, _ in moments
        for key in CALLERS.values()
    ]
    found = iter(answers(plan, asked))
    names: dict[str, str] = {}
    free = letters()
    rows = []
    for at, what in moments:
        cells = []
        for _ in CALLERS:
            text, seconds = shown(next(found))
            if text not in names:
                names[text] = next(free)
            cells.append(f"{names[text]} {seconds}".rstrip())
        rows.append(f"{rfc3339(at):<26}{''.join(f'{cell:<10}' for cell in cells)}{what}\n")
    head = f"{method} {target}\n\n{'':26}{''.join(f'{name:<10}' for name in CALLERS).rstrip()}\n"
    return head + "".join(rows) + "".join(f"\n{name}: {text}" for text, name in names.items())


def everything(plan: Plan) -> str:
    api = plan.apis["accounts"]
    requests = REQUESTS if api.endpoints is not None else REQUESTS[:1]
    buckets = _buckets(plan, api.rules["v1"].lifecycle)
    return "\n\n".join([buckets, *(table(plan, *request) for request in requests)])


def _buckets(plan: Plan, life: Lifecycle) -> str:
    """Where each caller stands among those whom a percentage hits."""
    share = next((one.share for one in life.brownouts if one.share is not None), None)
    if share is None:
        return "No caller is told from another by a percentage."
    each = (f"{name} {share.bucket(label) / 100:.2f} %" for name, label in labels(plan).items())
    return f"Hit from: {', '.join(each)}."


@pytest.mark.parametrize("case", CASES, ids=[case.stem for case in CASES])
def test_every_answer_at_every_instant(case: Path) -> None:
    found, golden = everything(plan_in_force(case)), case.with_suffix(".txt")
    if UPDATE:
        golden.write_text(found, encoding="utf-8")
    assert found == golden.read_text(encoding="utf-8")


def test_every_text_has_its_case() -> None:
    assert {file.stem for file in HERE.glob("*.txt")} == {case.stem for case in CASES}
