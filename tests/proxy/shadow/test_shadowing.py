"""A running gateway with a shadow: what is copied, what is found, and that callers never notice."""

from __future__ import annotations

import gzip
import itertools
import json
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from duskgate.proxy.shadow.noise import Place
from duskgate.proxy.shadow.store import Results
from tests.backends import CLOSE, Conversation, exchange, replying
from tests.proxy.shadow.world import World, answering, shadowing, timestamp
from tests.proxy.sockets import upgrade
from tests.running import eventually

USERS: Place = ("accounts", "v1", "v2", "/users/{id}")
REST: Place = ("accounts", "v1", "v2", "*")
SECRET = "hunter2-in-a-body"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    rules = (
        "max_body: 64KiB, timeout: 3s, concurrency: 4, headers: [X-Kind], ignore: [$..ignored],"
        ' idempotent: [{path: /search, methods: [POST]}, {path: "/users/{id}", methods: [PUT]}]'
    )
    with shadowing(tmp_path_factory.mktemp("shadow"), rules) as world:
        world.both(lambda: 1)
        assert world.ask("/api/v1/first").status_code == 200
        world.judged(1)  # the comparer runs
        yield world
        assert "Traceback" not in world.log()


@pytest.fixture
def world(running: World) -> World:
    running.settle()
    for backend in (running.old, running.new):
        backend.scripts.clear()
        backend.seen.clear()
    return running


def heads(world: World) -> list[tuple[str, dict[str, str]]]:
    """The request line and the headers of every copy."""
    found = []
    for head in list(world.new.seen):
        line, *rest = head.decode().rstrip().split("\r\n")
        found.append((line, dict(one.split(": ", 1) for one in rest)))
    return found


def copied(world: World, number: int = 1) -> list[tuple[str, dict[str, str]]]:
    """The same, once there are so many."""
    return eventually(lambda: heads(world) if len(world.new.seen) >= number else None, f"{number} copies", 10)


def dropped(world: World, reason: str, before: float) -> None:
    """Wait until one more sample was dropped for this reason."""
    eventually(lambda: world.count("dropped_total", reason=reason) > before or None, f"dropped: {reason}", 10)


# what is copied


def test_the_copy_asks_for_the_other_version_and_says_what_it_is(world: World) -> None:
    world.both(lambda: {"a": 1})
    sent = {"Api-Version": "v1", "Accept-Encoding": "gzip, br", "If-None-Match": '"x"', "Range": "bytes=0-1"}
    answer = world.ask("/api/v1/users/7?a=%20b", headers={**sent, "X-Other": "kept"})
    assert answer.json() == {"a": 1}
    ((line, headers),) = copied(world)
    assert line == "GET /api/v2/users/7?a=%20b HTTP/1.1"
    assert headers["duskgate-shadow"] == "1"
    assert headers["api-version"] == "v2"
    assert headers["accept-encoding"] == "identity"
    assert headers["x-other"] == "kept"
    assert headers["range"] == "bytes=0-1"
    assert headers["x-forwarded-for"] == "127.0.0.1"
    assert "if-none-match" not in headers
    assert b"duskgate-shadow" not in world.old.seen[0]
    assert b"api-version: v1" in world.old.seen[0].lower()


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_safe_methods_are_copied(world: World, method: str) -> None:
    world.both(lambda: {"a": 1})
    assert world.ask(method=method).status_code == 200
    ((line, _),) = copied(world)
    assert line.startswith(f"{method} /api/v2/users/7 ")


UNSAFE = [
    ("POST", "/users/7"),
    ("PATCH", "/users/7"),
    ("DELETE", "/users/7"),
    ("PUT", "/users"),
    ("PUT", "/search"),
]


def test_unsafe_methods_are_not_copied_unless_they_are_declared(world: World) -> None:
    world.both(lambda: {"a": 1})
    for method, path in UNSAFE:
        assert world.ask(f"/api/v1{path}", method, content=b"x").status_code == 200
    for method, path in (("POST", "/search"), ("PUT", "/users/9")):
        assert world.ask(f"/api/v1{path}", method, content=b'{"q": 1}').status_code == 200
    lines = {line for line, _ in copied(world, 2)}
    assert lines == {"POST /api/v2/search HTTP/1.1", "PUT /api/v2/users/9 HTTP/1.1"}
    assert len(world.old.seen) >= 7


@pytest.mark.parametrize("chunked", [False, True], ids=["with a length", "chunked"])
def test_the_copy_has_the_whole_body(world: World, chunked: bool) -> None:
    bodies: list[bytes] = []

    def script(conversation: Conversation) -> None:
        bodies.append(conversation.body())
        conversation.send(CLOSE)

    world.old.scripts[b"/"] = answering(lambda: 1)
    world.new.scripts[b"/"] = script
    pieces = [b"a" * 30_000, b"b" * 30_000]
    content: Any = iter(pieces) if chunked else b"".join(pieces)
    assert world.ask("/api/v1/search", "POST", content=content).status_code == 200
    ((_, headers),) = copied(world)
    eventually(lambda: bodies or None, "the body")
    assert bodies == [b"".join(pieces)]
    assert headers["content-length"] == "60000"


def test_a_copy_is_not_copied_again_and_nobody_can_pretend_to_be_one(world: World) -> None:
    world.both(lambda: {"a": 1})
    assert world.ask(headers={"Duskgate-Shadow": "1"}).status_code == 200
    assert (
        world.ask("/api/v2/users/7", headers={"Duskgate-Shadow": "1", "Duskgate_Shadow": "1"}).status_code
        == 200
    )
    assert world.ask("/api/v1/last").status_code == 200
    lines = copied(world, 2)
    assert [line for line, _ in lines] == ["GET /api/v2/users/7 HTTP/1.1", "GET /api/v2/last HTTP/1.1"]
    assert "duskgate-shadow" not in lines[0][1]
    assert "duskgate_shadow" not in lines[0][1]
    assert all(b"duskgate-shadow" not in head for head in world.old.seen[:1])


def test_requests_for_other_versions_are_not_copied(world: World) -> None:
    world.both(lambda: {"a": 1})
    assert world.ask("/api/v2/users/7").status_code == 200
    assert world.ask("/api/v1/last").status_code == 200
    assert [line.split()[1] for line, _ in copied(world, 2)] == ["/api/v2/users/7", "/api/v2/last"]
    assert len(world.old.seen) == 1


def stream(conversation: Conversation) -> None:
    conversation.send(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")
    conversation.send(b"data: 1\n\n")
    raise ConnectionError


def head(text: str, body: bytes = b"") -> bytes:
    return f"HTTP/1.1 {text}\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body


LARGE = b"x" * 70_000
SEARCH = {"path": "/api/v1/search", "method": "POST"}
LEFT_OUT: list[tuple[str, str, Any, dict[str, Any]]] = [
    ("a stream", "stream", stream, {}),
    ("a large answer", "too-large", answering(lambda: "x" * 70_000), {}),
    ("a large request", "too-large", answering(lambda: 1), {**SEARCH, "content": LARGE}),
    ("a large chunked one", "too-large", answering(lambda: 1), {**SEARCH, "content": iter([LARGE])}),
    ("an encoded answer", "encoded", replying(head("200 OK\r\ncontent-encoding: br", b"xyz")), {}),
    ("not modified", "not-modified", replying(b"HTTP/1.1 304 Not Modified\r\n\r\n"), {}),
    ("half an answer", "unanswered", replying(head("200 OK", b"half")[:-1], close=True), {}),
    ("none", "unanswered", replying(b"no HTTP at all\r\n\r\n", close=True), {}),
]


@pytest.mark.parametrize(
    ("reason", "script", "request_"), [case[1:] for case in LEFT_OUT], ids=[case[0] for case in LEFT_OUT]
)
def test_what_cannot_be_compared_is_not_copied(
    world: World, reason: str, script: Any, request_: dict[str, Any]
) -> None:
    before = world.count("dropped_total", reason=reason)
    world.old.scripts[b"/"] = script
    try:
        world.ask(**request_)
    except httpx.RemoteProtocolError:
        assert reason == "unanswered"
    dropped(world, reason, before)
    assert world.new.seen == []


def test_a_caller_who_hangs_up_leaves_nothing_behind(world: World) -> None:
    before = world.count("dropped_total", reason="unanswered")
    release = threading.Event()

    def script(conversation: Conversation) -> None:
        conversation.send(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf")
        release.wait(10)

    world.old.scripts[b"/"] = script
    for number in range(6):  # more than there are places
        with socket.create_connection(("127.0.0.1", world.port)) as caller:
            caller.sendall(b"GET /api/v1/x HTTP/1.1\r\nHost: h\r\n\r\n")
            assert caller.recv(100)
        dropped(world, "unanswered", before + number)
    release.set()
    world.both(lambda: 1)
    assert world.ask().status_code == 200
    assert len(copied(world)) == 1


def test_websockets_are_not_copied(world: World) -> None:
    world.both(lambda: 1)
    exchange(world.port, upgrade(b"/api/v1/socket"))
    assert world.ask("/api/v1/last").status_code == 200
    assert [line.split()[1] for line, _ in copied(world)] == ["/api/v2/last"]


# what is found


def test_times_and_ids_are_no_difference_and_a_planted_one_is_found(world: World) -> None:
    number = itertools.count()

    def one(age: Any) -> dict[str, Any]:
        items = [{"id": str(uuid.uuid4()), "n": n} for n in range(3)]
        return {"id": str(uuid.uuid4()), "at": timestamp(), "seq": next(number), "age": age, "items": items}

    before = world.count("samples_total", endpoint="/users/{id}")
    world.both(lambda: one(36))
    for number_judged in range(1, 21):
        assert world.ask().json()["age"] == 36
        world.judged(int(before) + number_judged, endpoint="/users/{id}")
    assert world.count("samples_total", endpoint="/users/{id}", verdict="different") == 0
    equal = world.count("samples_total", endpoint="/users/{id}", verdict="equal")
    assert equal == before + 20
    world.both(lambda: one(36), lambda: one("36") | {"extra": 1})
    for _ in range(3):
        assert world.ask().json()["age"] == 36
    world.judged(3, endpoint="/users/{id}", verdict="different")
    assert world.count("differences_total", endpoint="/users/{id}", kind="type") == 3
    assert world.count("differences_total", endpoint="/users/{id}", kind="added") == 3
    assert world.count("differences_total", endpoint="/users/{id}", kind="changed") == 0

    def found() -> Any:
        differences = world.results().differences.get(USERS, {})
        return differences if differences and differences["$.age", "type"].count == 3 else None

    differences = eventually(found, "the differences stored")
    assert set(differences) == {("$.age", "type"), ("$.extra", "added")}
    assert {(one.old, one.new) for one in differences.values()} == {(None, None)}
    results = world.results()
    assert results.places[USERS].equal >= 20
    assert {field for field, _ in results.noise[USERS]} >= {"$.id", "$.at", "$.seq", "$.items[*].id"}


def test_what_is_declared_is_minded(world: World) -> None:
    before = world.count("samples_total", endpoint="*", verdict="different")
    script = b"HTTP/1.1 200 OK\r\nx-kind: %b\r\ncontent-type: a/b+json\r\ncontent-length: 15\r\n\r\n"
    world.old.scripts[b"/"] = replying(script % b"old" + b'{"ignored":  1}')
    world.new.scripts[b"/"] = replying(script % b"old" + b'{"ignored":  2}')
    assert world.ask("/api/v1/declared").status_code == 200
    copied(world)
    world.new.scripts[b"/"] = replying(script % b"new" + b'{"ignored":  2}')
    assert world.ask("/api/v1/declared").status_code == 200
    world.judged(int(before) + 1, endpoint="*", verdict="different")

    def stored() -> set[str] | None:
        fields = {field for field, _ in world.results().differences.get(REST, {})}
        return fields if "header x-kind" in fields else None

    assert "$.ignored" not in eventually(stored, "the difference stored", 10)


def test_an_encoded_answer_is_compared_decoded(world: World) -> None:
    before = world.count("samples_total", endpoint="*", verdict="equal")
    body = gzip.compress(b'{"a": 1}')
    packed = (
        b"HTTP/1.1 200 OK\r\ncontent-type: a/b+json\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n"
    )
    world.old.scripts[b"/"] = replying(packed % len(body) + body)
    world.new.scripts[b"/"] = answering(lambda: {"a": 1.0})
    assert world.ask("/api/v1/packed").json() == {"a": 1}
    world.judged(int(before) + 1, endpoint="*", verdict="equal")


def test_the_second_answer_is_the_first_request_once_more(world: World) -> None:
    """Asked of the old version, with its own path and body, and marked."""
    before = world.count("samples_total", endpoint="*", verdict="different")
    bodies: list[bytes] = []

    def script(conversation: Conversation) -> None:
        bodies.append(conversation.body())
        conversation.send(head("200 OK", b"old"))

    world.old.scripts[b"/"] = script
    world.new.scripts[b"/"] = replying(head("200 OK", b"new"))
    assert world.ask("/api/v1/search", "POST", content=b"question").content == b"old"
    world.judged(int(before) + 1, endpoint="*", verdict="different")
    first, second = (one.decode().lower() for one in world.old.seen)
    assert first.split("\r\n")[0] == second.split("\r\n")[0] == "post /api/v1/search http/1.1"
    assert ("duskgate-shadow: 1" in first, "duskgate-shadow: 1" in second) == (False, True)
    assert bodies == [b"question", b"question"]


# callers never notice


def test_a_shadow_that_is_down_costs_its_caller_nothing(world: World) -> None:
    before = world.count("samples_total", verdict="failed")
    world.old.scripts[b"/"] = answering(lambda: {"a": 1})
    world.new.scripts[b"/"] = replying(b"", close=True)
    for _ in range(10):
        assert world.ask().json() == {"a": 1}
    eventually(lambda: world.count("samples_total", verdict="failed") > before or None, "failures counted")
    stored = eventually(lambda: world.results().places.get(USERS), "the failures stored", 10)
    eventually(lambda: world.results().places[USERS].failed or None, "the failures stored", 10)
    assert stored.undecided == 0


def test_a_shadow_that_hangs_holds_up_nobody_and_is_asked_no_more_than_it_may(world: World) -> None:
    """All callers are answered while not one copy is."""
    busy = world.count("dropped_total", reason="busy")
    failed = world.count("samples_total", verdict="failed")
    release, hanging = threading.Event(), threading.Semaphore(0)

    def script(conversation: Conversation) -> None:
        hanging.release()
        release.wait(10)

    world.old.scripts[b"/"] = answering(lambda: {"a": 1})
    world.new.scripts[b"/"] = script
    with httpx.Client(trust_env=False) as client:
        for _ in range(40):
            answer = client.get(f"http://127.0.0.1:{world.port}/api/v1/users/7")
            assert answer.json() == {"a": 1}
            assert answer.status_code == 200
    assert hanging.acquire(timeout=5)
    eventually(lambda: world.count("dropped_total", reason="busy") > busy or None, "samples dropped")
    eventually(lambda: world.count("samples_total", verdict="failed") > failed or None, "copies given up", 10)
    release.set()


def test_at_most_so_many_copies_are_under_way(world: World) -> None:
    lock, under_way, most = threading.Lock(), [0], [0]

    def script(conversation: Conversation) -> None:
        with lock:
            under_way[0] += 1
            most[0] = max(most[0], under_way[0])
        threading.Event().wait(0.05)
        with lock:
            under_way[0] -= 1
        conversation.send(head("200 OK"))

    world.old.scripts[b"/"] = answering(lambda: {"a": 1})
    world.new.scripts[b"/"] = script

    def ask() -> None:
        with httpx.Client(trust_env=False) as client:
            for _ in range(20):
                client.get(f"http://127.0.0.1:{world.port}/api/v1/users/7").raise_for_status()

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 1 <= most[0] <= 4


def test_the_answer_is_the_same_byte_for_byte_as_without_a_shadow(world: World) -> None:
    """But for the date that the server puts on."""

    def bare(answer: bytes) -> list[bytes]:
        return sorted(line for line in answer.split(b"\r\n") if not line.lower().startswith(b"date:"))

    world.old.scripts[b"/"] = answering(lambda: {"a": [1, 2, 3]})
    world.new.scripts[b"/"] = replying(head("500 Broken", b"oh"))
    request = b"GET /api/v1/users/7 HTTP/1.1\r\nHost: h\r\n\r\n"
    shadowed = exchange(world.port, request)
    copied(world)
    unshadowed = exchange(world.port, request.replace(b"\r\n\r\n", b"\r\nDuskgate-Shadow: 1\r\n\r\n"))
    assert len(world.new.seen) == 1
    assert bare(shadowed) == bare(unshadowed)


def test_nothing_of_what_is_compared_gets_out(world: World) -> None:
    world.both(lambda: {"token": SECRET}, lambda: {"token": SECRET + "x", f"{SECRET}@x": 3})
    assert world.ask("/api/v1/secret", headers={"Authorization": f"Bearer {SECRET}"}).status_code == 200
    before = world.count("differences_total")
    assert world.ask("/api/v1/secret?token=" + SECRET).status_code == 200
    eventually(lambda: world.count("differences_total") > before or None, "the differences counted")
    page = httpx.get(f"http://127.0.0.1:{world.admin}/metrics", trust_env=False).text
    eventually(
        lambda: ("$.token", "changed") in world.results().differences.get(REST, {}) or None, "stored", 10
    )
    assert SECRET not in page
    assert SECRET not in world.log()
    for file in (world.folder / "shadow").iterdir():
        assert SECRET.encode() not in file.read_bytes(), file


# other gateways


def test_nothing_is_copied_while_the_shadow_is_switched_off(tmp_path: Path) -> None:
    with shadowing(tmp_path, v2="lifecycle: {sunset: 2026-01-01}") as world:
        world.both(lambda: 1)
        assert world.ask().status_code == 200
        dropped(world, "unavailable", 0)
        assert world.new.seen == []


def test_copies_without_comparing(tmp_path: Path) -> None:
    with shadowing(tmp_path, "compare: false", backend="transport: httpx") as world:
        world.both(lambda: 1, lambda: "x" * 2_000_000)
        for _ in range(5):
            assert world.ask().status_code == 200
        world.judged(5, verdict="sent")
        assert len(copied(world)) == 5
        assert not (tmp_path / "shadow").exists()


def test_copies_make_room_for_callers(tmp_path: Path) -> None:
    """A backend that is half full of callers' requests gets no copies, so that none of those is refused."""
    with shadowing(tmp_path, backend="max_requests: 2") as world:
        release = threading.Event()

        def script(conversation: Conversation) -> None:
            release.wait(10)
            conversation.send(head("200 OK"))

        world.both(lambda: 1)
        world.new.scripts.clear()
        world.new.scripts[b"/slow"] = script
        slow = threading.Thread(target=world.ask, args=("/api/v2/slow",))
        slow.start()
        eventually(lambda: world.new.seen or None, "the caller's request")
        assert world.ask().status_code == 200
        dropped(world, "crowded", 0)
        assert world.ask("/api/v2/quick").status_code == 200
        release.set()
        slow.join()
        assert [one.split(b" ")[1] for one in world.new.seen] == [b"/api/v2/slow", b"/api/v2/quick"]


def test_the_rate_is_kept(tmp_path: Path) -> None:
    with shadowing(tmp_path, rate=1) as world:
        world.both(lambda: 1)
        began = time.monotonic()
        for _ in range(40):
            assert world.ask().status_code == 200
        most = 1 + (time.monotonic() - began)
        dropped(world, "rate", 0)
        world.settle()
        assert 1 <= len(world.new.seen) <= most


def test_a_shadow_can_be_added_and_taken_away_while_it_runs(tmp_path: Path) -> None:
    with shadowing(tmp_path, server="workers: 2") as world:
        text = world.config.read_text()
        without = text.replace("sample: 100%", "sample: 0%")
        assert without != text
        world.both(lambda: 1)

        def asked() -> int:
            world.new.seen.clear()
            for _ in range(10):
                assert world.ask().status_code == 200
            threading.Event().wait(0.3)
            return len(world.new.seen)

        eventually(lambda: asked() == 10 or None, "copies", 10)
        world.config.write_text(without)
        eventually(lambda: asked() == 0 or None, "no copies any more", 10)
        world.config.write_text(text)
        eventually(lambda: asked() == 10 or None, "copies again", 10)


def test_several_workers_keep_one_store(tmp_path: Path) -> None:
    with shadowing(tmp_path, "values: true", server="workers: 3") as world:
        world.both(lambda: {"a": 1}, lambda: {"a": 2})
        for _ in range(60):
            assert world.ask().status_code == 200
        world.judged(60)
        eventually(lambda: world.results().places[USERS].different == 60 or None, "all of them stored", 10)
        seen = world.results().differences[USERS]["$.a", "changed"]
        assert (seen.count, seen.old, seen.new) == (60, "1", "2")


def test_under_load_what_is_planted_is_found_and_nothing_else(tmp_path: Path) -> None:
    """Every answer has times, ids and a count of its own, and the workers are asked for all they can do."""
    number = itertools.count()

    def fresh() -> dict[str, Any]:
        items = [{"id": str(uuid.uuid4()), "n": n} for n in range(3)]
        return {"at": timestamp(), "second": int(time.time()), "seq": next(number), "age": 36, "items": items}

    def planted() -> dict[str, Any]:
        made = fresh() | {"age": "36"}
        if made["seq"] % 2:
            del made["items"][0]["n"]
        return made

    with shadowing(tmp_path, server="workers: 2") as world:
        world.new.scripts[b"/planted"] = answering(planted)
        world.both(fresh)

        def ask() -> None:
            with httpx.Client(trust_env=False) as client:
                for _ in range(40):
                    for path in ("/api/v1/users/7", "/api/v1/planted"):
                        answer = client.get(f"http://127.0.0.1:{world.port}{path}").raise_for_status()
                        assert answer.json()["age"] == 36

        def enough() -> bool | None:
            """Whether there are after one more round; while comparers start, most of it is not copied."""
            with ThreadPoolExecutor(6) as callers:
                for asking in [callers.submit(ask) for _ in range(6)]:
                    asking.result()
            return min(world.count("samples_total", endpoint=one[3]) for one in (USERS, REST)) >= 100 or None

        eventually(enough, "100 samples of each", 60)
        world.settle()

        def stored() -> Results | None:
            results = world.results()
            told = sum(one.equal + one.different for one in results.places.values())
            counted = sum(world.count("samples_total", verdict=one) for one in ("equal", "different"))
            return results if told == counted else None

        results = eventually(stored, "everything that was judged stored")
        assert set(results.differences) == {REST}
        assert set(results.differences[REST]) == {("$.age", "type"), ("$.items[*].n", "missing")}
        assert (results.places[USERS].different, results.places[REST].equal) == (0, 0)
        assert min(results.places[USERS].equal, results.places[REST].different) >= 50


def test_a_stopping_gateway_does_not_wait_for_copies_and_keeps_what_it_knows(tmp_path: Path) -> None:
    release = threading.Event()

    def hang(conversation: Conversation) -> None:
        release.wait(30)

    with shadowing(tmp_path, "timeout: 1m") as world:
        world.both(lambda: {"a": 1}, lambda: {"a": 2})
        assert world.ask().status_code == 200
        world.judged(1)
        world.new.scripts[b"/"] = hang
        assert world.ask().status_code == 200
        copied(world, 2)
    release.set()
    assert world.results().places[USERS].different == 1
    assert "Traceback" not in world.log()


def test_a_state_folder_that_cannot_be_written_is_said_once(tmp_path: Path) -> None:
    (tmp_path / "shadow").write_text("a file where a folder should be")
    with shadowing(tmp_path) as world:
        world.both(lambda: {"a": 1}, lambda: {"a": 2})
        for _ in range(3):
            assert world.ask().status_code == 200
        world.judged(3, verdict="different")
        eventually(lambda: "results cannot be kept in" in world.log() or None, "a line in the log", 10)
        assert world.ask().status_code == 200


def test_the_marker_of_a_trusted_gateway_is_passed_on_and_not_copied_again(tmp_path: Path) -> None:
    with shadowing(tmp_path, server="trusted_proxies: [127.0.0.1]") as world:
        world.both(lambda: 1)
        assert world.ask(headers={"Duskgate-Shadow": "1"}).status_code == 200
        assert b"duskgate-shadow: 1" in world.old.seen[0].lower()
        assert world.ask("/api/v1/last").status_code == 200
        assert [line.split()[1] for line, _ in copied(world)] == ["/api/v2/last"]


def test_json_is_written_as_the_caller_would_read_it(tmp_path: Path) -> None:
    """The values in an example are cut, and only there if they are allowed."""
    with shadowing(tmp_path, "values: true") as world:
        world.both(lambda: {"a": "ä" * 500}, lambda: {"a": None})
        assert world.ask().status_code == 200
        world.judged(1)
        found = eventually(lambda: world.results().differences.get(USERS), "the example", 10)
        seen = found["$.a", "type"]
        assert seen.new == "null"
        assert seen.old is not None
        assert seen.old == json.dumps("ä" * 500, ensure_ascii=False)[: len(seen.old)]
        assert len(seen.old) < 200
