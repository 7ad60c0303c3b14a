"""A running gateway follows its file: all of an edit is taken over, or nothing."""

import logging
from pathlib import Path

import pytest

from duskgate.config import load
from duskgate.config.current import Current
from tests.config.world import SMALLEST


@pytest.fixture
def current(tmp_path: Path) -> Current:
    file = tmp_path / "gateway.yaml"
    file.write_text(SMALLEST, encoding="utf-8")
    return Current(load(file, {}))


def edit(current: Current, text: str) -> bool | None:
    current.loaded.path.write_text(text, encoding="utf-8")
    return current.refresh()


def test_an_edit_is_taken_over_once(current: Current) -> None:
    assert edit(current, SMALLEST.replace("/api", "/accounts")) is True
    assert current.loaded.document.apis["accounts"].path == "/accounts"
    assert current.refresh() is None


def test_the_same_content_is_no_edit(current: Current) -> None:
    assert edit(current, SMALLEST) is None


def test_a_broken_edit_is_rejected_and_logged_once(
    current: Current, caplog: pytest.LogCaptureFixture
) -> None:
    before = current.loaded
    with caplog.at_level(logging.ERROR, "duskgate"):
        assert edit(current, SMALLEST.replace("default: v1", "default: v9")) is False
        assert current.refresh() is None
    assert current.loaded is before
    assert ["there is no version 'v9'" in line for line in caplog.messages] == [True]


def test_a_repair_is_taken_over(current: Current) -> None:
    edit(current, "apis: [")
    assert edit(current, SMALLEST) is True


def test_a_file_that_is_gone_changes_nothing(current: Current) -> None:
    before = current.loaded
    current.loaded.path.unlink()
    assert (current.refresh(), current.loaded) == (None, before)
