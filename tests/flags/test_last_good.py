"""The kept copy of the last good flags: what a restart evaluates while the file is broken."""

from pathlib import Path

import pytest

from duskgate.flags import FlagsFile, InvalidFlags
from tests.flags.test_reload import value, written


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "flags.json"
    path.write_text(written(on=True), encoding="utf-8")
    return path


def test_what_is_in_force_is_kept(path: Path) -> None:
    kept = path.with_name("kept.json")
    flags = FlagsFile(path, kept)
    path.write_text(written(on=False), encoding="utf-8")
    flags.refresh()
    assert kept.read_text(encoding="utf-8") == written(on=False)


def test_a_restart_with_a_broken_file_evaluates_the_copy(path: Path) -> None:
    kept = path.with_name("kept.json")
    FlagsFile(path, kept)
    path.write_text("{", encoding="utf-8")
    flags = FlagsFile(path, kept)
    assert value(flags) is True
    assert flags.refresh() is False


def test_the_repaired_file_takes_over_from_the_copy(path: Path) -> None:
    kept = path.with_name("kept.json")
    FlagsFile(path, kept)
    path.write_text("{", encoding="utf-8")
    flags = FlagsFile(path, kept)
    path.write_text(written(on=False), encoding="utf-8")
    assert (flags.refresh(), value(flags)) == (True, False)


@pytest.mark.parametrize("raw", [None, b"{"], ids=["there is none", "it is broken too"])
def test_without_a_good_copy_the_file_is_refused(path: Path, raw: bytes | None) -> None:
    kept = path.with_name("kept.json")
    if raw is not None:
        kept.write_bytes(raw)
    path.write_text("{", encoding="utf-8")
    with pytest.raises(InvalidFlags):
        FlagsFile(path, kept)
