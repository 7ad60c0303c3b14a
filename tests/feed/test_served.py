"""The feed of a real ``duskgate serve``: over edits and restarts, over sockets, beside the apis."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import vobject  # type: ignore[import-untyped]

from duskgate.usage.ledger.reader import Reader
from tests.backends import RawBackend, exchange, raw_backend
from tests.feed.world import PATH
from tests.running import eventually, free_ports, process

YAML = """
server: {{listen: "127.0.0.1:{port}", workers: 2, state: {state}}}
admin: {{listen: "127.0.0.1:{admin}"}}
ledger: {{url: "sqlite:///use.db", flush: 100ms}}
identity: [{{header: X-Api-Key, secret: true}}]
consumers: {{acme: {{match: {{X-Api-Key: key-of-acme}}}}}}
backends: {{b: {{url: "http://127.0.0.1:{backend}"}}}}
apis:
  accounts:
    path: /api/{{version}}
    versions:
      v1: {{backend: b, lifecycle: {{deprecated: 2026-03-01, sunset: {sunset}, removed: 2037-01-01}}}}
      v2: {{backend: b}}
  well-known: {{path: /.well-known, default: v1, versions: {{v1: {{backend: b}}}}}}
"""


@dataclass
class Served:
    """A gateway that can be edited and started again in the same folder."""

    folder: Path
    backend: RawBackend
    state: str = "state"

    def write(self, sunset: str) -> None:
        port, backend = self.port, self.backend.port
        text = YAML.format(port=port, admin=self.admin, backend=backend, sunset=sunset, state=self.state)
        (self.folder / "new").write_text(text)
        (self.folder / "new").rename(self.folder / "gateway.yaml")

    @contextmanager
    def running(self, sunset: str) -> Iterator[None]:
        self.port, self.admin = free_ports(2)
        self.write(sunset)
        command = [sys.executable, "-m", "duskgate.cli", "serve", str(self.folder / "gateway.yaml")]
        with process(command, self.folder / "log", f"http://127.0.0.1:{self.admin}/readyz"):
            eventually(self._all_listen, "both workers, on their port")
            yield

    def _all_listen(self) -> bool | None:
        try:
            workers = httpx.get(f"http://127.0.0.1:{self.admin}/readyz", trust_env=False).json()["workers"]
            answers = [self.get(f"{PATH}.json").status_code for _ in range(12)]
        except httpx.TransportError:
            return None
        return (workers == 2 and set(answers) == {200}) or None

    def get(self, path: str, **headers: str) -> httpx.Response:
        return httpx.get(f"http://127.0.0.1:{self.port}{path}", headers=headers, trust_env=False)

    def events(self) -> dict[str, tuple[str, str]]:
        """Date and sequence of every event, by its summary."""
        calendar = vobject.readOne(self.get(f"{PATH}.ics").text)
        return {
            event.summary.value: (event.dtstart.value.date().isoformat(), event.sequence.value)
            for event in calendar.vevent_list
        }

    def all_say(self, sunset: str, sequence: str) -> bool | None:
        """Whether whoever answers a dozen connections says so of the sunset, and nothing new of others."""
        expected = {
            "accounts v1 is deprecated": ("2026-03-01", "0"),
            "accounts v1 is switched off": (sunset, sequence),
            "accounts v1 is removed": ("2037-01-01", "0"),
        }
        return all(self.events() == expected for _ in range(12)) or None


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with raw_backend() as backend:
        yield Served(tmp_path, backend)


def test_a_sequence_rises_when_its_date_moves_and_only_then_over_edits_and_restarts(served: Served) -> None:
    memory = served.folder / "state" / "feed.json"
    with served.running("2036-01-01"):
        eventually(lambda: served.all_say("2036-01-01", "0"), "the first dates")
        eventually(lambda: memory.exists() or None, "the memory")
        served.write("2036-02-01")
        eventually(lambda: served.all_say("2036-02-01", "1"), "a moved date and its sequence", 10)
        eventually(lambda: '"sequence": 1' in memory.read_text() or None, "the memory of it", 10)
        assert served.all_say("2036-02-01", "1"), "what workers foresaw is what is kept"
    with served.running("2036-02-01"):
        assert served.all_say("2036-02-01", "1"), "a restart moves no date"
    with served.running("2036-03-01"):
        eventually(lambda: served.all_say("2036-03-01", "2"), "a date moved while nothing ran", 10)
        eventually(lambda: '"sequence": 2' in memory.read_text() or None, "the memory of it", 10)
        assert served.all_say("2036-03-01", "2")
    assert "Traceback" not in (served.folder / "log").read_text()


def test_without_a_folder_for_memory_the_feed_works_and_the_log_says_so_once(served: Served) -> None:
    served.state = "gateway.yaml/state"
    with served.running("2036-01-01"):
        said = "the feed cannot remember dates"
        log = served.folder / "log"
        eventually(lambda: said in log.read_text() or None, "a line in the log")
        served.write("2036-02-01")
        eventually(lambda: served.all_say("2036-02-01", "0"), "the moved date", 10)
        taken_over = re.compile(r"configuration \w+ taken over")
        eventually(lambda: taken_over.search(log.read_text()), "the edit in the log")
        assert log.read_text().count(said) == 1


def test_the_feed_on_a_real_server(served: Served) -> None:
    with served.running("2036-01-01"):
        _heads_and_tags(served)
        _handshakes(served)
        _neighbours(served)
        _own_use(served)
    assert "Traceback" not in (served.folder / "log").read_text()


def ask(served: Served, line: str, *headers: str) -> tuple[bytes, bytes]:
    """Head and content of the answer to exactly this."""
    lines = "".join(f"{header}\r\n" for header in ("Host: gateway.example", *headers))
    answer = exchange(served.port, f"{line} HTTP/1.1\r\n{lines}Connection: close\r\n\r\n".encode())
    head, _, body = answer.partition(b"\r\n\r\n")
    return head.lower(), body


def _heads_and_tags(served: Served) -> None:
    first = served.get(f"{PATH}.json")
    length = f"content-length: {len(first.content)}".encode()
    with httpx.Client(base_url=f"http://127.0.0.1:{served.port}", trust_env=False) as client:
        head = client.head(f"{PATH}.json")
        assert (head.status_code, head.content) == (200, b"")
        assert int(head.headers["content-length"]) == len(first.content)
        assert client.get(f"{PATH}.json").content == first.content, "the connection is in step after a HEAD"
        again = client.get(f"{PATH}.json", headers={"If-None-Match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert client.get(f"{PATH}.json").content == first.content, "and after a 304"
        refused = client.post(f"{PATH}.json", content=b"x" * 100_000)
        assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD")
    assert length in ask(served, f"GET {PATH}.json")[0]


def _handshakes(served: Served) -> None:
    handshake = ("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13")
    head, body = ask(served, f"GET {PATH}", *handshake, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
    assert head.startswith(b"http/1.1 404")
    assert b"not-found" in body


def _neighbours(served: Served) -> None:
    """An api above the feed's path has everything beside it."""
    for path in ("/.well-known/other", f"{PATH}-other", f"{PATH}x.json", "/api/v2/x"):
        assert f"GET {path} " in served.get(path).text, "the backend echoes"
    assert not [seen for seen in served.backend.seen if seen.startswith(f"GET {PATH}.json".encode())]


def _own_use(served: Served) -> None:
    key = {"X-Api-Key": "key-of-acme"}
    for _ in range(3):
        served.get("/api/v1/x", **key)
    served.get("/api/v2/x", **key)

    def recorded() -> bool | None:
        found = served.get(f"{PATH}/me", **key).json()
        uses = [one["use"]["requests"] for one in found["endings"]] if found["use"] else []
        return (uses, found["use"] and found["use"]["requests"]) == ([3], 3) or None

    eventually(recorded, "three requests on record, and the reading of the feed not among them", 10)
    stranger = served.get(f"{PATH}/me", **{"X-Api-Key": "another"}).json()
    assert (stranger["use"]["requests"], stranger["endings"][0]["use"]["requests"]) == (0, 0)
    kept = list(Reader(f"sqlite:///{served.folder / 'use.db'}").rows())
    assert {row.outcome for row in kept if row.consumer == "acme"} == {"forwarded"}, "the feed is no use"
    page = httpx.get(f"http://127.0.0.1:{served.admin}/metrics", trust_env=False).text
    assert re.search(r'duskgate_requests_total\{[^}]*outcome="feed"', page)
