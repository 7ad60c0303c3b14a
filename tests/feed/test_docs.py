"""The samples in docs/feed.md are what the gateway gives."""

import json

from duskgate.feed.feed import _rendered
from duskgate.feed.forms import Form
from tests.docs.pages import blocks, code, page, rows, sections
from tests.feed.test_mine import Record, Row
from tests.feed.world import PATH, TOLD, Gateway, edition
from tests.policy.world import ms

PAGE = page("feed.md")
YAML = next(block.text for block in blocks(PAGE) if block.mark == "complete")
EVERYBODY, ACME = (json.loads(block.text) for block in blocks(PAGE) if block.kind == "json")
EVENT = next(block.text for block in blocks(PAGE) if block.text.startswith("BEGIN:VEVENT"))


def test_everybodys_sample() -> None:
    assert Gateway(YAML, at=TOLD).get(".json").json() == EVERYBODY


def test_acmes_sample() -> None:
    record = Record(Row("accounts", "v1", "*", 42, ms("2026-10-04T16:20:00")))
    answer = Gateway(YAML, at=TOLD, own_use=record).get("/me", **{"X-Api-Key": "demo-acme"})
    assert answer.json() == ACME


def test_the_event() -> None:
    calendar = _rendered(edition(YAML), Form.ICALENDAR).decode().replace("\r\n", "\n")
    assert EVENT in calendar


def test_every_path_is_there() -> None:
    gateway = Gateway(YAML)
    for path, _, kind in rows(sections(PAGE)["The notice feed"]):
        assert code(path)[0].startswith(PATH)
        answer = gateway.ask(code(path)[0], headers={"X-Api-Key": "demo-acme"})
        assert answer.status_code == 200
        if kind:
            assert answer.headers["content-type"].startswith(code(kind)[0])


def test_every_member_is_described_or_named_for_what_it_is() -> None:
    explained = {word for row in rows(PAGE) for word in code(row[0])}
    plain = {"api", "version", "announced", "deprecated", "removed", "guide", "contact"}
    assert set(EVERYBODY["endings"][0]) - plain <= explained
    assert set(ACME) - {"endings"} <= explained
