"""The key of the digests: given, or made once and kept for whoever comes later."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from duskgate.config import load
from duskgate.config.key import FILE, IDENTITY_KEY, BrokenKey, identity_key, make_key, own_key
from duskgate.policy.identify import identify
from tests.config.world import SMALLEST

KEPT = b"0123456789abcdef0123456789abcdef"


def test_a_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / FILE
    made = make_key(path)
    assert len(made) == 64
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert make_key(path) == made
    assert os.listdir(tmp_path) == [FILE]


def test_many_who_make_it_at_once_have_the_same(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        made = set(pool.map(make_key, [tmp_path / FILE] * 64))
    assert len(made) == 1
    assert os.listdir(tmp_path) == [FILE]


def test_where_the_key_comes_from(tmp_path: Path) -> None:
    assert identity_key({}, tmp_path) == identity_key({}, None) == own_key()
    (tmp_path / FILE).write_bytes(KEPT + b"\n")
    assert identity_key({}, tmp_path) == KEPT
    assert identity_key({IDENTITY_KEY: "given"}, tmp_path) == b"given"


@pytest.mark.parametrize("content", [b"", b"short\n", b"\x00" * 32, b"\xff" * 32], ids=repr)
def test_a_file_without_a_key_is_not_replaced_but_said(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(BrokenKey, match="holds no key; remove it"):
        make_key(tmp_path / FILE)
    assert (tmp_path / FILE).read_bytes() == content


def test_a_folder_that_cannot_be_written_is_an_error_of_the_systems(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        make_key(tmp_path / "absent" / FILE)


@pytest.mark.parametrize(
    ("ledger", "folder"),
    [
        ("ledger: {}", "."),
        ('ledger: {url: "sqlite:///data/use.db"}', "data"),
        ("ledger: {url: postgresql://db/duskgate}\nserver: {state: state}", "state"),
        ("server: {state: state}", None),
    ],
)
def test_commands_name_callers_as_the_gateway_does(tmp_path: Path, ledger: str, folder: str | None) -> None:
    """A file that lies where the ledger does is found; without a ledger there is none."""
    config = tmp_path / "gateway.yaml"
    config.write_text(f"identity: [{{header: X-Id}}]\n{ledger}\n{SMALLEST}")
    labels = []
    for kept in (KEPT, KEPT[::-1]):
        (tmp_path / (folder or ".")).mkdir(exist_ok=True)
        (tmp_path / (folder or ".") / FILE).write_bytes(kept)
        labels.append(identify(load(config, {}).plan.identity, {b"x-id": b"a"}).label)
    assert (labels[0] != labels[1]) == (folder is not None)


def test_a_broken_key_is_a_warning_to_who_only_asks(tmp_path: Path) -> None:
    config = tmp_path / "gateway.yaml"
    config.write_text(f"ledger: {{}}\n{SMALLEST}")
    (tmp_path / FILE).write_text("?")
    (warning,) = load(config, {}).warnings
    assert "holds no key" in str(warning)
