"""Flags flipped for single callers: who they count for, how the file is followed, and what can be flipped."""

import json
from pathlib import Path
from time import perf_counter

import pytest

from duskgate.config import Loaded, loads
from duskgate.flags.operations import FlagOperations, NotFlipped
from duskgate.flags.overrides import OverridesFile
from duskgate.policy.identify import ANONYMOUS, Who, digest
from tests.flags.test_reload import written

AT = 1_800_000_000_000

YAML = """
flags: {path: flags.json}
identity: [{header: X-Api-Key, secret: true}, {header: X-User-Id}]
consumers: {acme: {match: {X-Api-Key: acme-secret-key}}, beta: {match: {X-User-Id: b-17}}}
backends: {b: {url: "http://127.0.0.1:1"}}
apis: {a: {path: /a, default: v1, versions: {v1: {backend: b, rollout: {to: v2, flag: f}}, v2: {backend: b}}}}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "flags.json.overrides"


WHO = [
    ("a consumer", Who("acme", "acme", "acme"), "acme"),
    ("a value", Who(None, "~12", "alice"), "alice"),
    ("a value, by its digest", Who(None, "~12", "alice"), "~12"),
    ("a secret, by its digest", Who(None, "~12", "~12"), "~12"),
]


@pytest.mark.parametrize(("who", "user"), [case[1:] for case in WHO], ids=[case[0] for case in WHO])
def test_whom_an_override_is_for(path: Path, who: Who, user: str) -> None:
    path.write_text(json.dumps({"f": {user: "off"}}))
    overrides = OverridesFile(path)
    assert (overrides.value("f", who), overrides.value("g", who)) == (False, None)
    assert overrides.value("f", Who(None, "~13", "bob")) is None


def test_nobody_is_the_anonymous_caller(path: Path) -> None:
    path.write_text('{"f": {"anonymous": "on"}}')
    assert OverridesFile(path).value("f", ANONYMOUS) is None


def test_the_file_is_followed_and_deleting_it_takes_everything_back(path: Path) -> None:
    overrides, alice = OverridesFile(path), Who(None, "~1", "alice")
    assert overrides.value("f", alice) is None
    path.write_text('{"f": {"alice": "on"}}')
    assert (overrides.refresh(), overrides.refresh()) == (True, False)
    assert overrides.value("f", alice) is True
    path.unlink()
    assert (overrides.refresh(), overrides.value("f", alice)) == (True, None)


BROKEN = [b"{", b"[]", b'{"f": {"alice": "maybe"}}', b'{"f": {"alice": ["on"]}}', b"\xff"]


@pytest.mark.parametrize("content", BROKEN)
def test_a_broken_file_changes_nothing_here_nor_in_who_starts_later(path: Path, content: bytes) -> None:
    alice, kept = Who(None, "~1", "alice"), path.with_name("kept")
    path.write_text('{"f": {"alice": "on"}}')
    overrides = OverridesFile(path, kept)
    path.write_bytes(content)
    assert (overrides.refresh(), overrides.value("f", alice)) == (False, True)
    assert overrides.fault is not None
    assert overrides.fault.startswith(str(path))
    later = OverridesFile(path, kept)
    assert (later.value("f", alice), later.fault) == (True, overrides.fault)
    path.write_text('{"f": {"alice": "off"}}')
    assert (later.refresh(), later.value("f", alice), later.fault) == (True, False, None)


@pytest.fixture
def loaded(tmp_path: Path) -> Loaded:
    (tmp_path / "flags.json").write_text(written(on=False))
    return loads(YAML, tmp_path / "gateway.yaml", {})


@pytest.fixture
def operations(loaded: Loaded) -> FlagOperations:
    return FlagOperations(loaded)


def test_flipping_and_clearing_is_on_record(operations: FlagOperations, path: Path) -> None:
    operations.flip("f", ["alice", "acme"], True, by="jane", now=AT)
    operations.flip("f", ["alice"], False, by="joe", now=AT + 1000)
    assert json.loads(path.read_text()) == {"f": {"alice": "off", "acme": "on"}}
    assert operations.shown("f")["overrides"] == {
        "acme": {"value": "on", "by": "jane", "at": "2027-01-15T08:00:00Z"},
        "alice": {"value": "off", "by": "joe", "at": "2027-01-15T08:00:01Z"},
    }
    operations.clear("f", None, by="jane", now=AT + 2000)
    changes = [(one["by"], one["key"], one["from"], one["to"]) for one in operations.entries.audit()]
    assert changes == [
        ("jane", "alice", None, "on"),
        ("jane", "acme", None, "on"),
        ("joe", "alice", "on", "off"),
        ("jane", "acme", "on", None),
        ("jane", "alice", "off", None),
    ]


REFUSED = [
    ("another flag", "ff", ["alice"], "there is no flag 'ff'; did you mean 'f'?"),
    ("nobody", "f", [], "nobody is named"),
    ("an empty name", "f", [" "], "a user is a printable text of at most 1024 characters"),
    ("a line break", "f", ["a\nb"], "a user is a printable text of at most 1024 characters"),
    ("a long name", "f", ["a" * 1025], "a user is a printable text of at most 1024 characters"),
]


@pytest.mark.parametrize(("flag", "users", "reason"), [c[1:] for c in REFUSED], ids=[c[0] for c in REFUSED])
def test_what_makes_no_sense_is_refused(
    operations: FlagOperations, path: Path, flag: str, users: list[str], reason: str
) -> None:
    with pytest.raises(NotFlipped) as refused:
        operations.flip(flag, users, True, by="jane", now=AT)
    assert str(refused.value) == reason
    assert not path.exists()


@pytest.mark.parametrize(("given", "name"), [("acme-secret-key", "acme"), ("b-17", "beta")])
def test_how_a_consumer_is_recognised_is_neither_taken_nor_repeated(
    operations: FlagOperations, path: Path, given: str, name: str
) -> None:
    with pytest.raises(NotFlipped) as refused:
        operations.flip("f", [given], True, by="jane", now=AT)
    assert name in str(refused.value)
    assert given not in str(refused.value)
    assert not path.exists()


def test_clearing_what_is_not_flipped_is_refused(operations: FlagOperations) -> None:
    operations.flip("f", ["alice"], True, by="jane", now=AT)
    with pytest.raises(NotFlipped) as refused:
        operations.clear("f", ["alic"], by="jane", now=AT)
    assert str(refused.value) == "f is not flipped for alic; did you mean 'alice'?"


def test_a_flag_that_is_gone_can_still_be_cleared(operations: FlagOperations, path: Path) -> None:
    path.write_text('{"old": {"alice": "on"}}')
    assert [(one["flag"], one["overrides"]) for one in operations.listed()] == [("f", 0), ("old", 1)]
    operations.clear("old", ["alice"], by="jane", now=AT)
    assert json.loads(path.read_text()) == {}


def test_flags_that_are_elsewhere_are_those_that_the_yaml_names(tmp_path: Path) -> None:
    yaml = YAML.replace(
        "{path: flags.json}", "{provider: ofrep, url: 'http://127.0.0.1:1', overrides: kept/o}"
    )
    operations = FlagOperations(loads(yaml, tmp_path / "gateway.yaml", {}))
    assert [one["flag"] for one in operations.listed()] == ["f"]
    operations.flip("f", ["alice"], True, by="jane", now=AT)
    assert json.loads((tmp_path / "kept" / "o").read_text()) == {"f": {"alice": "on"}}


def test_many_cost_no_more_than_one(operations: FlagOperations, path: Path, loaded: Loaded) -> None:
    """By a ratio of ten, which going through a list of 10,000 would be far beyond."""

    def seconds(overrides: OverridesFile) -> float:
        callers = [Who(None, f"~{number}", f"user-{number}") for number in range(0, 10_000, 10)]
        started = perf_counter()
        for who in callers:
            overrides.value("f", who)
        return perf_counter() - started

    operations.flip("f", ["user-0"], True, by="jane", now=AT)
    one = min(seconds(OverridesFile(path)) for _ in range(5))
    operations.flip("f", [f"user-{number}" for number in range(10_000)], True, by="jane", now=AT)
    many = OverridesFile(path)
    assert many.value("f", Who(None, "~", "user-9999")) is True
    assert min(seconds(many) for _ in range(5)) < 10 * one


def test_a_digest_is_that_of_the_gateway(loaded: Loaded, path: Path) -> None:
    mark = digest(loaded.plan.identity.key, b"x-api-key", b"somebody's").hex()
    FlagOperations(loaded).flip("f", [f"~{mark}"], True, by="jane", now=AT)
    assert OverridesFile(path).value("f", Who(None, f"~{mark}", f"~{mark}")) is True
