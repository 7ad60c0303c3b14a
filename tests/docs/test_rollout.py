"""docs/rollout.md holds what it tells: its samples load, and callers get what its table says."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest
import yaml
from xxhash import xxh64_intdigest

from duskgate.config import loads
from duskgate.config.scalars import instant_ms
from duskgate.policy import Forward, decide, request
from duskgate.policy.identify import identify
from duskgate.policy.rollout import Rollout
from tests.docs.pages import as_written, blocks, code, page, rows, sections

TEXT = page("rollout.md")
BLOCKS = blocks(TEXT)
SECTIONS = sections(TEXT)
(SAMPLE,) = (block.text for block in BLOCKS if block.mark == "complete")
PLAN = loads(SAMPLE, Path("gateway.yaml"), {}).plan
KEYS = {name: f"demo-{name}" for name in PLAN.identity.consumers}

STORY = [(*(code(cell) for cell in row[:3]), row[3]) for row in rows(SECTIONS["The story"])]


@pytest.mark.parametrize(("at", "who", "version", "why"), STORY, ids=[f"{a[0]} {w[0]}" for a, w, *_ in STORY])
def test_callers_get_what_the_story_says(at: list[str], who: list[str], version: list[str], why: str) -> None:
    caller, *override = who
    headers = [("X-Api-Key", KEYS[caller])] if caller in KEYS else []
    headers += [("Duskgate-Rollout", word) for word in override]
    asked = request("GET", "/api/users/42", headers)
    known = identify(PLAN.identity, asked.fields)
    assert known.label == caller
    asked = asked._replace(consumer=known.consumer, caller=known.label, key=known.key)
    decision = decide(PLAN, asked, {}, instant_ms(at[0]))
    assert isinstance(decision, Forward)
    assert [decision.rule.version] == version
    named = [one for one in code(why) if one.startswith("rollout ")]
    assert named == ([decision.chosen_by] if decision.chosen_by != "default" else [])


def test_the_bucket_of_the_story_is_true() -> None:
    seed = xxh64_intdigest(b"rollout:accounts/v1", 0)
    bucket = xxh64_intdigest(b"contoso", seed) % 10_000
    told = [why for _, who, _, why in STORY if who == ["contoso"]]
    assert told
    assert all(str(bucket) in why for why in told)


PARTS = [block.text for block in BLOCKS if block.mark == "rollout"]


@pytest.mark.parametrize("part", PARTS)
def test_each_part_is_a_rollout_of_the_sample(part: str) -> None:
    document = as_written(SAMPLE)
    document["apis"]["accounts"]["versions"]["v1"]["rollout"] = as_written(part)
    flags = {"provider": "flagd"}
    loaded = loads(yaml.safe_dump({**document, "flags": flags}), Path("gateway.yaml"), {})
    assert loaded.plan.apis["accounts"].rollouts["v1"].to == "v2"


def test_the_order_of_the_rules_names_every_key_that_moves() -> None:
    named = {word for row in rows(SECTIONS["Who is moved"]) for word in code(row[1])}
    kept = {field.name for field in fields(Rollout)}
    assert named <= kept | {"percent", "steps"}
    assert {"deny", "override", "allow", "rings", "flag", "percent", "steps"} == named
