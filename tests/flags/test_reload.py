"""The flags file: taken over when its content changes, refused when broken, the last good one kept."""

import json
from pathlib import Path

import pytest

from duskgate.flags import FlagsFile, InvalidFlags
from duskgate.policy.identify import Who


def written(on: bool) -> str:
    variant = "on" if on else "off"
    flag = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": variant}
    return json.dumps({"flags": {"f": flag}})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "flags.json"
    path.write_text(written(on=False), encoding="utf-8")
    return path


def value(flags: FlagsFile) -> bool:
    return flags.flags.evaluate(("f",), Who(None, "~", "alice"), dict)["f"]


def test_new_content_is_taken_over(path: Path) -> None:
    flags = FlagsFile(path)
    before = value(flags)
    path.write_text(written(on=True), encoding="utf-8")
    assert (before, flags.refresh(), value(flags)) == (False, True, True)


def test_the_same_content_is_not(path: Path) -> None:
    flags = FlagsFile(path)
    path.write_text(written(on=False), encoding="utf-8")
    assert flags.refresh() is False


def test_a_file_put_in_its_place_is_noticed(path: Path) -> None:
    flags = FlagsFile(path)
    other = path.with_suffix(".new")
    other.write_text(written(on=True), encoding="utf-8")
    other.replace(path)
    assert flags.refresh() is True


BROKEN = [
    ("not JSON", b"{", "not JSON"),
    ("empty", b"", "not JSON"),
    ("not UTF-8", b'{"flags": {"\xff": 1}}', "UTF-8"),
    ("half written", written(on=True).encode()[:40], "not JSON"),
    ("not a flag set", b"[]", "no mapping named flags"),
]


@pytest.mark.parametrize(("raw", "reason"), [case[1:] for case in BROKEN], ids=[case[0] for case in BROKEN])
def test_broken_content_is_refused_once_and_the_last_good_stays(path: Path, raw: bytes, reason: str) -> None:
    path.write_text(written(on=True), encoding="utf-8")
    flags = FlagsFile(path)
    path.write_bytes(raw)
    with pytest.raises(InvalidFlags, match=reason) as refused:
        flags.refresh()
    assert str(refused.value).startswith(f"{path}: ")
    assert value(flags) is True
    assert flags.refresh() is False


def test_repaired_content_is_taken_over_again(path: Path) -> None:
    flags = FlagsFile(path)
    path.write_bytes(b"{")
    with pytest.raises(InvalidFlags):
        flags.refresh()
    path.write_text(written(on=False), encoding="utf-8")
    assert flags.refresh() is True


def test_a_file_that_is_gone_leaves_the_last_good(path: Path) -> None:
    path.write_text(written(on=True), encoding="utf-8")
    flags = FlagsFile(path)
    path.unlink()
    with pytest.raises(InvalidFlags, match="cannot be read: No such file"):
        flags.refresh()
    assert value(flags) is True


@pytest.mark.parametrize(("raw", "reason"), [case[1:] for case in BROKEN], ids=[case[0] for case in BROKEN])
def test_broken_content_is_refused_at_the_start(path: Path, raw: bytes, reason: str) -> None:
    path.write_bytes(raw)
    with pytest.raises(InvalidFlags, match=reason):
        FlagsFile(path)


def test_two_files_do_not_mix(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    other.write_text(written(on=True), encoding="utf-8")
    assert [value(FlagsFile(path)), value(FlagsFile(other))] == [False, True]
