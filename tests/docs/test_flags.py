"""docs/flags.md holds what it tells: its sections load, and its words and numbers are those of the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from openfeature.exception import ErrorCode

from duskgate.config import loads
from duskgate.flags import evaluate, far, overrides, set_up
from duskgate.policy.attributes import OWN
from duskgate.proxy.worker import FLAGS_SECONDS
from duskgate.usage.variants import MOST_VARIANTS
from tests.docs.pages import blocks, code, page, rows, sections
from tests.flags.asking import YAML

TEXT = page("flags.md")
SECTIONS = sections(TEXT)
SAMPLES = [block.text for block in blocks(TEXT) if block.mark == "flags"]


@pytest.mark.parametrize("text", SAMPLES)
def test_a_section_is_one(text: str) -> None:
    indented = "".join(f"\n  {line}" for line in text.splitlines())
    assert loads(YAML.replace("@flags", indented), Path("gateway.yaml"), {}).warnings == ()


def test_what_rules_may_look_at_is_described_and_nothing_else() -> None:
    described = [code(row[0])[0] for row in rows(SECTIONS["What rules may look at"])]
    assert described == [*OWN, "country", "context"]


def test_every_error_that_is_no_word_on_the_flag_is_described() -> None:
    table = rows(SECTIONS["When a provider does not answer"])
    described = {word for row in table for word in code(row[2])}
    assert described == {far.TIMEOUT, far.NOT_ASKED, *far.TROUBLE, "FLAG_NOT_FOUND", "TYPE_MISMATCH"}
    assert described - {far.TIMEOUT, far.NOT_ASKED} <= {one.value for one in ErrorCode}


def test_variants_of_our_own_are_described() -> None:
    described = {word for row in rows(SECTIONS["Who got which variant"]) for word in code(row[0])}
    assert described == {*overrides.OVERRIDE.values(), "default", "error", "other"}


NUMBERS = [
    (r"up to ([\d,]+) answers in each worker", evaluate.MOST_REMEMBERED),
    (r"Up to ([\d,]+) such values", far.MOST_KNOWN),
    (r"or (\d+) evaluations are under way", far.MOST_WAITING),
]
WORDS = [
    ("asked in threads, eight in each worker", far.THREADS, 8),
    ("three failures in a row", far.ENOUGH, 3),
    ("while two evaluations at a time", far.PROBES, 2),
    ("waits three seconds at most", FLAGS_SECONDS, 3),
    ("made anew every five seconds", set_up.AGAIN_SECONDS, 5),
    ("more than fifty variants", MOST_VARIANTS, 50),
]


@pytest.mark.parametrize(("pattern", "number"), NUMBERS)
def test_numbers_are_true(pattern: str, number: int) -> None:
    found = re.search(pattern, TEXT.replace("\n", " "))
    assert found is not None
    assert int(found[1].replace(",", "")) == number


@pytest.mark.parametrize(("words", "number", "said"), WORDS)
def test_numbers_in_words_are_true(words: str, number: float, said: int) -> None:
    assert words in TEXT.replace("\n", " ")
    assert number == said
