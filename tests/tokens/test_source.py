"""Keys that change: in a file, and at a URL that is slow, wrong or gone."""

from __future__ import annotations

import logging
import os
from itertools import pairwise
from pathlib import Path

import pytest

from duskgate.tokens.fetch import FetchFailed
from duskgate.tokens.source import (
    COOL_SECONDS,
    REFRESH_SECONDS,
    RETRY_SECONDS,
    FileSource,
    Source,
    UrlSource,
)
from tests.tokens.world import ASYMMETRIC, key_set, signer

URL = "https://id.example.com/keys"


def kids(source: Source, *wanted: str) -> list[str]:
    """Those of the wanted keys that are in force."""
    return [kid for kid in wanted if source.keys is not None and source.keys.candidates(kid, "ES256")]


def test_a_file_is_read_again_when_it_changed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "keys.json"
    source = FileSource(path, ASYMMETRIC)
    assert source.look(0) is False
    assert (source.keys, source.looked, source.look(0)) == (None, True, None)
    path.write_bytes(key_set(signer(kid="a")))
    assert (source.look(0), source.look(0), kids(source, "a", "b")) == (True, None, ["a"])
    draft = tmp_path / "draft"
    draft.write_bytes(key_set(signer(kid="b")))
    os.replace(draft, path)
    assert (source.look(0), kids(source, "a", "b")) == (True, ["b"])
    path.write_bytes(b"half a fi")
    assert (source.look(0), kids(source, "a", "b")) == (False, ["b"])
    path.unlink()
    assert (source.look(0), kids(source, "a", "b")) == (False, ["b"])
    messages = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert len(messages) == 3
    assert all("the last good ones stay" in message for message in messages)


class Issuer:
    """What is at the URL; counts how often it is asked."""

    def __init__(self) -> None:
        self.content: bytes | None = key_set(signer(kid="a"))
        self.asked = 0

    def get(self, url: str) -> bytes:
        assert url == URL
        self.asked += 1
        if self.content is None:
            raise FetchFailed("answered 503")
        return self.content


def test_a_url_is_asked_now_and_then() -> None:
    issuer = Issuer()
    source = UrlSource(URL, ASYMMETRIC, None, issuer.get)
    assert (source.keys, source.looked) == (None, False)
    assert (source.look(0.0), source.looked, kids(source, "a")) == (True, True, ["a"])
    assert source.look(REFRESH_SECONDS - 1) is None
    issuer.content = key_set(signer(kid="b"))
    assert (source.look(REFRESH_SECONDS), kids(source, "a", "b")) == (True, ["b"])
    assert issuer.asked == 2


def test_a_key_that_is_not_known_is_a_reason_to_ask_but_not_often() -> None:
    issuer = Issuer()
    source = UrlSource(URL, ASYMMETRIC, None, issuer.get)
    source.look(0.0)
    for second in range(int(10 * COOL_SECONDS)):
        source.want()
        source.look(float(second))
    assert issuer.asked == 10


def test_what_fails_is_tried_again_less_and_less_often(caplog: pytest.LogCaptureFixture) -> None:
    issuer = Issuer()
    source = UrlSource(URL, ASYMMETRIC, None, issuer.get)
    source.look(0.0)
    issuer.content = None
    now, asked = REFRESH_SECONDS, []
    for _ in range(600):
        if source.look(now) is not None:
            asked.append(now - REFRESH_SECONDS)
        now += 1
    gaps = [after - before for before, after in pairwise(asked)]
    assert tuple(gaps[: len(RETRY_SECONDS)]) == RETRY_SECONDS
    assert set(gaps[len(RETRY_SECONDS) :]) == {RETRY_SECONDS[-1]}
    assert kids(source, "a") == ["a"], "the last good keys stay"
    issuer.content = key_set(signer(kid="b"))
    assert (source.look(now + 60), kids(source, "a", "b")) == (True, ["b"])
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"], "a line for each change"


def test_an_answer_that_is_no_key_set_changes_nothing() -> None:
    issuer = Issuer()
    source = UrlSource(URL, ASYMMETRIC, None, issuer.get)
    source.look(0.0)
    issuer.content = b"<html>"
    assert (source.look(REFRESH_SECONDS), kids(source, "a")) == (False, ["a"])


def test_a_copy_is_kept_for_those_who_start_while_the_url_is_gone(tmp_path: Path) -> None:
    issuer = Issuer()
    UrlSource(URL, ASYMMETRIC, tmp_path, issuer.get).look(0.0)
    issuer.content = None
    later = UrlSource(URL, ASYMMETRIC, tmp_path, issuer.get)
    assert kids(later, "a") == ["a"]
    assert (later.look(0.0), kids(later, "a")) == (False, ["a"])
    assert UrlSource(f"{URL}/other", ASYMMETRIC, tmp_path, issuer.get).keys is None
    (copy,) = tmp_path.iterdir()
    copy.write_bytes(b"half")
    assert UrlSource(URL, ASYMMETRIC, tmp_path, issuer.get).keys is None
