"""The kept copy of the last good configuration: what a restart serves while the file is broken."""

from pathlib import Path

import pytest

from duskgate.config import InvalidConfig, load
from duskgate.config.current import Current
from tests.config.world import SMALLEST

OTHER = SMALLEST.replace("/api", "/accounts")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "gateway.yaml"
    file.write_text(SMALLEST, encoding="utf-8")
    return file


def test_what_is_in_force_is_kept(file: Path) -> None:
    kept = file.with_name("kept.yaml")
    current = Current(load(file, {}), kept)
    assert kept.read_text(encoding="utf-8") == SMALLEST
    file.write_text(OTHER, encoding="utf-8")
    assert current.refresh() is True
    assert kept.read_text(encoding="utf-8") == OTHER


def test_a_broken_edit_does_not_replace_it(file: Path) -> None:
    kept = file.with_name("kept.yaml")
    current = Current(load(file, {}), kept)
    file.write_text("apis: [", encoding="utf-8")
    assert current.refresh() is False
    assert kept.read_text(encoding="utf-8") == SMALLEST


def test_a_restart_with_a_broken_file_serves_the_copy(file: Path) -> None:
    kept = file.with_name("kept.yaml")
    Current(load(file, {}), kept)
    file.write_text("apis: [", encoding="utf-8")
    loaded = Current.start(file, kept).loaded
    assert (loaded.path, list(loaded.plan.apis)) == (file, ["accounts"])


def test_a_restart_with_a_good_file_serves_the_file(file: Path) -> None:
    kept = file.with_name("kept.yaml")
    kept.write_text(OTHER, encoding="utf-8")
    assert Current.start(file, kept).loaded.document.apis["accounts"].path == "/api"


COPIES = [
    ("none is wanted", None, b""),
    ("there is none", "kept", None),
    ("it is broken too", "kept", b"apis: ["),
]
COPIES += [("it is not UTF-8", "kept", b"apis: caf\xe9")]


@pytest.mark.parametrize(("name", "raw"), [case[1:] for case in COPIES], ids=[case[0] for case in COPIES])
def test_without_a_good_copy_the_file_is_refused(file: Path, name: str | None, raw: bytes | None) -> None:
    kept = file.with_name(name) if name is not None else None
    if kept is not None and raw is not None:
        kept.write_bytes(raw)
    file.write_text("apis: [", encoding="utf-8")
    with pytest.raises(InvalidConfig):
        Current.start(file, kept)
