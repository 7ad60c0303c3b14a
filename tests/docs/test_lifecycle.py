"""docs/lifecycle.md holds what it tells: its samples load, and callers get what its table says."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from click.testing import CliRunner
from xxhash import xxh64_intdigest

from duskgate.admin.keeper import _expiring
from duskgate.cli.main import main
from duskgate.config import Loaded, loads
from duskgate.config.inherit import BUILT_IN, EIGHT_WEEKS
from duskgate.config.models import Lifecycle
from duskgate.config.scalars import instant_ms
from duskgate.middleware.problems import problem_of
from duskgate.policy import Forward, decide, request
from duskgate.policy.identify import identify
from duskgate.policy.switches import Switches, switched
from tests.docs.pages import PAGES, as_written, blocks, code, page, rows, sections

TEXT = page("lifecycle.md")
BLOCKS = blocks(TEXT)
SECTIONS = sections(TEXT)
(SAMPLE,) = (block.text for block in BLOCKS if block.mark == "complete")

DATES = {"announced": "2027-01-04", "sunset": "2027-03-29", "successor": "v2"}
FRAME = """
ledger: {}
identity: [{header: X-Api-Key, secret: true}]
consumers: {acme: {match: {X-Api-Key: demo-acme}, critical: true}}
backends: {old: {url: "http://127.0.0.1:9001"}, new: {url: "http://127.0.0.1:9002"}}
apis:
  accounts:
    path: /api/{version}
    default: v1
    versions:
      v1: {backend: old, lifecycle: {}}
      v2: {backend: new}
"""


def loaded(text: str) -> Loaded:
    return loads(text, Path("gateway.yaml"), {})


def framed(lifecycle: Any) -> Loaded:
    """A small gateway whose v1 has this lifecycle."""
    document = as_written(FRAME)
    document["apis"]["accounts"]["versions"]["v1"]["lifecycle"] = lifecycle
    return loaded(yaml.safe_dump(document))


def marked(mark: str) -> list[Any]:
    found = [block.text for block in BLOCKS if block.mark == mark]
    assert found
    return [pytest.param(text, id=str(number)) for number, text in enumerate(found)]


@pytest.mark.parametrize("text", marked("lifecycle"))
def test_a_lifecycle_is_one(text: str) -> None:
    assert framed(as_written(text)).warnings == ()


@pytest.mark.parametrize("text", marked("added"))
def test_what_is_added_to_a_file_fits(text: str) -> None:
    assert loaded(SAMPLE + text).warnings == ()


@pytest.mark.parametrize("row", rows(SECTIONS["Acceptance gates"])[:4], ids=lambda row: row[0])
def test_each_condition_can_be_written_so(row: list[str]) -> None:
    (condition,) = code(row[0])
    assert framed({**DATES, "accept": as_written(f"{{{condition}}}")}).warnings == ()


@pytest.mark.parametrize("row", rows(SECTIONS["Writing dates"]), ids=lambda row: row[0])
def test_each_way_to_write_a_date_is_one(row: list[str]) -> None:
    assert framed({**DATES, "deprecated": code(row[0])[0]}).warnings == ()


def test_the_template_is_as_told() -> None:
    (told,) = (
        line for line in page("config-reference.md").splitlines() if line.startswith("`eight-weeks` is")
    )
    keys = as_written("{" + ", ".join(code(told)[1:]) + "}")
    assert {EIGHT_WEEKS: Lifecycle.model_validate(keys)} == BUILT_IN


STORY = [
    pytest.param(*(code(cell)[0] for cell in row[:3]), id=f"{row[0]} {row[1]}")
    for row in rows(SECTIONS["The story"])
]


@pytest.mark.parametrize(("at", "caller", "status"), STORY)
def test_callers_get_what_the_story_says(at: str, caller: str, status: str) -> None:
    gateway = loaded(SAMPLE)
    seen = {("accounts", "v1", instant_ms("2027-02-01")): frozenset({"acme", "beta"})}
    plan = switched(gateway.plan, Switches(seen=seen))
    asked = request("GET", "/api/v1/users/42", [("X-Api-Key", f"demo-{caller}")])
    who = identify(plan.identity, asked.fields)
    now = instant_ms(at)
    decision = decide(plan, asked._replace(consumer=who.consumer, caller=who.label), {}, now)
    answered = 200 if isinstance(decision, Forward) else problem_of(decision, now).status
    assert answered == int(status)


def test_explain_prints_what_is_shown(tmp_path: Path) -> None:
    config = tmp_path / "gateway.yaml"
    config.write_text(SAMPLE)
    (shown,) = (block.text for block in BLOCKS if block.mark == "explain")
    command, _, output = shown.partition("\n")
    arguments = shlex.split(command.removeprefix("$ duskgate"))
    assert CliRunner(env={"DUSKGATE_CONFIG": str(config)}).invoke(main, arguments).output == output


def test_the_log_line_of_a_grace_that_expires_is_as_shown() -> None:
    (shown,) = (block.text.strip() for block in BLOCKS if block.text.startswith("grace_expiring: "))
    assert shown in [text for _, text in _expiring(loaded(SAMPLE).plan, instant_ms("2027-04-12"))]


def test_a_bucket_is_worked_out_as_told() -> None:
    (formula,) = (block.text for block in BLOCKS if block.text.startswith("seed "))
    seed, bucket = (line.partition("#")[0].partition("=")[2] for line in formula.splitlines())
    names: dict[str, Any] = {
        "xxh64": lambda text, seed: xxh64_intdigest(text.encode(), seed),
        "label": "beta",
    }
    names["seed"] = eval(seed, names)  # noqa: S307  the page's own formula
    found = eval(bucket.replace("caller label", "label"), names)  # noqa: S307
    assert f"(bucket {found})" in TEXT


COMMANDS = [
    pytest.param(line.removeprefix("$ ").removeprefix(".venv/bin/"), id=f"{path.name}: {line}")
    for path in PAGES
    for block in blocks(path.read_text(encoding="utf-8"))
    for line in block.text.splitlines()
    if line.removeprefix("$ ").removeprefix(".venv/bin/").startswith("duskgate ") and "[CONFIG]" not in line
]


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_line_in_the_docs_is_understood(line: str) -> None:
    command: click.Command = main
    arguments = shlex.split(line, comments=True)[1:]
    while isinstance(command, click.Group) and arguments != ["COMMAND"]:
        command = command.commands[arguments.pop(0)]
    assert command.make_context("duskgate", arguments, resilient_parsing=False) is not None
