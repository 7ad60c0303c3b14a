"""Tokens as the gateway asks about them: at once, whatever the issuer does, and in bounded memory."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from duskgate.policy.callers import ByToken
from duskgate.tokens import Tokens
from duskgate.tokens.fetch import FetchFailed, fetch
from duskgate.tokens.keys import LARGEST
from duskgate.tokens.source import FileSource
from duskgate.tokens.verifier import MOST_BAD, MOST_GOOD, Verifier
from duskgate.tokens.verify import Reason
from tests.backends import Conversation, RawBackend, Script, raw_backend, replying
from tests.running import eventually
from tests.tokens.world import bearer, identity, key_set, signer, step


class Heard:
    """An observer who remembers."""

    def __init__(self) -> None:
        self.reasons: Counter[str] = Counter()
        self.loads: list[tuple[str, bool, int]] = []

    def refused(self, way: str, reason: str) -> None:
        assert way == "jwt:sub"
        self.reasons[reason] += 1

    def loaded(self, way: str, good: bool, keys: int) -> None:
        self.loads.append((way, good, keys))


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


def test_keys_in_a_file_are_followed(keys: Path) -> None:
    first, second, heard = signer(kid="a"), signer(kid="b"), Heard()
    keys.write_bytes(key_set(first))
    at = step(keys)
    tokens = Tokens(identity(at), heard)
    try:
        mine, other = bearer(first.token()), bearer(second.token(sub="bob"))
        assert tokens.claim(at, mine) == tokens.claim(at, mine) == "alice"
        assert tokens.claim(at, other) is None
        assert heard.reasons == {"unknown-key": 1}
        keys.write_bytes(key_set(second))
        assert eventually(lambda: tokens.claim(at, other), "the new key") == "bob"
        assert tokens.claim(at, mine) is None, "what was verified by a key that is gone is no longer good"
        assert heard.loads == [("jwt:sub", True, 1)] * 2
    finally:
        tokens.close()


def test_a_step_that_nobody_took_over_names_nobody(keys: Path) -> None:
    one = signer()
    keys.write_bytes(key_set(one))
    at, other = step(keys), step(keys, leeway=9.0)
    tokens = Tokens(identity(at), network=False)
    assert tokens.claim(other, bearer(one.token())) is None
    tokens.take_over(identity(other))
    assert tokens.claim(other, bearer(one.token())) == "alice"
    assert tokens.claim(at, bearer(one.token())) is None


def test_no_request_waits_for_keys() -> None:
    """The issuer takes the connection and says nothing."""
    one = signer()
    hold = threading.Event()

    def silent(conversation: Conversation) -> None:
        hold.wait(30)

    with raw_backend() as issuer:
        issuer.scripts[b"GET"] = silent
        at, heard = step(f"http://127.0.0.1:{issuer.port}/keys"), Heard()
        tokens = Tokens(identity(at), heard)
        try:
            eventually(lambda: issuer.seen or None, "the thread's question")
            started = time.perf_counter()
            assert [tokens.claim(at, bearer(one.token())) for _ in range(100)] == [None] * 100
            assert time.perf_counter() - started < 1
            assert heard.reasons == {"no-keys": 100}
        finally:
            tokens.close()
            hold.set()


@contextmanager
def at_a_url(script: Script) -> Iterator[tuple[RawBackend, str]]:
    with raw_backend() as issuer:
        issuer.scripts[b"GET"] = script
        yield issuer, f"http://127.0.0.1:{issuer.port}/keys"


def ok(content: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(content), content)


def test_keys_at_a_url() -> None:
    one = signer()
    with at_a_url(replying(ok(key_set(one)))) as (issuer, url):
        at, heard = step(url), Heard()
        tokens = Tokens(identity(at), heard)
        try:
            tokens.wait(30)
            assert tokens.claim(at, bearer(one.token())) == "alice"
            assert tokens.claim(at, bearer(signer(kid="strange").token())) is None
            assert (heard.loads, heard.reasons) == ([("jwt:sub", True, 1)], {"unknown-key": 1})
            assert len(issuer.seen) == 1, "asked a moment ago, and so not again yet"
            assert b"authorization" not in issuer.seen[0].lower()
        finally:
            tokens.close()


def endless(conversation: Conversation) -> None:
    conversation.send(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n")
    for _ in range(4 * LARGEST // 65536):
        conversation.send(b" " * 65536)
    raise ConnectionError


WRONG: list[tuple[Script, str]] = [
    (replying(b"HTTP/1.1 302 Found\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n"), "answered 302"),
    (replying(b"HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n"), "answered 500"),
    (replying(b"garbage\r\n\r\n", close=True), "RemoteProtocolError"),
    (replying(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\nshort", close=True), "RemoteProtocolError"),
    (endless, "is larger than 256 KiB"),
]


@pytest.mark.parametrize(("script", "reason"), WRONG, ids=[reason for _, reason in WRONG])
def test_what_cannot_be_fetched(script: Script, reason: str) -> None:
    with at_a_url(script) as (issuer, url), pytest.raises(FetchFailed, match=reason):
        fetch(url)
    assert len(issuer.seen) == 1


def test_nobody_there() -> None:
    with raw_backend() as issuer:
        url = f"http://127.0.0.1:{issuer.port}/"
    with pytest.raises(FetchFailed, match="Connect"):
        fetch(url)


def verifier(at: ByToken, keys: Path, now: list[float], heard: list[Reason]) -> Verifier:
    source = FileSource(keys, at.algorithms)
    source.look(0)
    return Verifier(at, source, lambda _, reason: heard.append(reason), lambda: None, lambda: now[0])


def test_a_token_that_is_remembered_ends_on_time(keys: Path) -> None:
    one = signer()
    keys.write_bytes(key_set(one))
    now = [1000.0]
    heard: list[Reason] = []
    reader = verifier(step(keys, leeway=5.0), keys, now, heard)
    token = bearer(one.token(exp=2000, nbf=1100))
    for moment, found in ((1094, None), (1095, "alice"), (2004, "alice"), (2005, None), (2006, None)):
        now[0] = moment
        assert reader.claim(token) == found, moment
    assert heard == [Reason.NOT_YET, Reason.EXPIRED, Reason.EXPIRED]


def test_memory_is_bounded_and_bad_tokens_drive_out_no_good_one(keys: Path) -> None:
    one = signer("EdDSA")
    keys.write_bytes(key_set(one))
    heard: list[Reason] = []
    reader = verifier(step(keys), keys, [1000.0], heard)
    good = bearer(one.token(exp=2000))
    assert reader.claim(good) == "alice"
    for number in range(3 * MOST_BAD):
        assert reader.claim(b"Bearer %d.e30.AAAA" % number) is None
    assert len(reader._bad) <= MOST_BAD
    assert list(reader._good.values()) == [("alice", 2000.0)]
    for number in range(MOST_GOOD + 1):
        assert reader.claim(bearer(one.token(sub=str(number), exp=2000))) == str(number)
    assert len(reader._good) <= MOST_GOOD
