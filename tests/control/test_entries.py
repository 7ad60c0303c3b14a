"""The files of what is switched at run time: several writers, broken files, the audit trail."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from duskgate.control.entries import BrokenEntries, Entries

AT = 1_800_000_000_000


@pytest.fixture
def entries(tmp_path: Path) -> Entries:
    return Entries(tmp_path / "state" / "switches.json")


def test_a_file_that_is_not_there_has_no_entries(entries: Entries) -> None:
    assert entries.read() == {}


def test_an_entry_is_set_read_and_removed(entries: Entries) -> None:
    assert entries.put("holds", "accounts/v1", {"by": "jane"}, by="jane", at=AT) is None
    assert entries.read() == {"holds": {"accounts/v1": {"by": "jane"}}}
    assert entries.put("holds", "accounts/v1", None, by="joe", at=AT) == {"by": "jane"}
    assert entries.read() == {}


def test_every_change_is_audited_and_nothing_else(entries: Entries) -> None:
    entries.put("flag", "acme", "on", by="jane", at=AT)
    entries.put("flag", "acme", "on", by="jane", at=AT)
    entries.put("flag", "acme", "off", by="joe", at=AT + 1000)
    changes = [(one["at"], one["by"], one["key"], one["from"], one["to"]) for one in entries.audit()]
    assert changes == [
        ("2027-01-15T08:00:00Z", "jane", "acme", None, "on"),
        ("2027-01-15T08:00:01Z", "joe", "acme", "on", "off"),
    ]


def test_half_a_line_of_the_audit_trail_is_passed_over(entries: Entries) -> None:
    entries.put("flag", "acme", "on", by="jane", at=AT)
    with entries.audit_path.open("a") as file:
        file.write('{"at": ')
    assert len(list(entries.audit())) == 1


def test_a_long_audit_trail_is_put_aside_and_still_read(
    entries: Entries, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("duskgate.control.entries.LARGEST_AUDIT", 10)
    for number in range(2):
        entries.put("flag", "acme", number, by="jane", at=AT)
    assert [one["to"] for one in entries.audit()] == [0, 1]
    assert len(entries.audit_path.read_text().splitlines()) == 1


def test_writers_at_once_lose_nothing(entries: Entries) -> None:
    def write(number: int) -> None:
        Entries(entries.path).put("flag", f"user-{number}", "on", by="jane", at=AT)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(write, range(40)))
    assert len(entries.read()["flag"]) == 40
    assert len(list(entries.audit())) == 40


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "switches.json:1:2: not JSON"),
        ("[]", "takes a mapping of mappings"),
        ('{"holds": 1}', "takes a mapping of mappings"),
        ("[" * 100_000, "not JSON"),
    ],
)
def test_a_broken_file_is_refused_and_left_alone(entries: Entries, text: str, reason: str) -> None:
    entries.path.parent.mkdir()
    entries.path.write_text(text)
    with pytest.raises(BrokenEntries, match=reason):
        entries.read()
    with pytest.raises(BrokenEntries):
        entries.put("flag", "acme", "on", by="jane", at=AT)
    assert entries.path.read_text() == text


def test_no_draft_is_left_behind(entries: Entries) -> None:
    entries.put("flag", "acme", "on", by="jane", at=AT)
    names = sorted(path.name for path in entries.path.parent.iterdir())
    assert names == ["switches.json", "switches.json.audit", "switches.json.lock"]
    assert json.loads(entries.path.read_text()) == {"flag": {"acme": "on"}}
