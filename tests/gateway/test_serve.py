"""``duskgate serve`` as people run it: several workers, files that change, workers that die."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx
import pytest

from tests.backends import Conversation, RawBackend, raw_backend
from tests.running import eventually, free_ports

YAML = """
server: {{listen: "127.0.0.1:{port}", workers: 2}}
admin: {{listen: "127.0.0.1:{admin}", token: "s3cret-token"}}
flags: {{path: flags.json}}
identity: [{{header: X-Api-Key, secret: true}}, {{header: X-User-Id}}]
consumers: {{acme: {{match: {{X-Api-Key: acme-key}}}}}}
backends: {{old: {{url: "http://127.0.0.1:{backend}"}}, new: {{url: "http://127.0.0.1:{backend}"}}}}
apis:
  accounts:
    path: /api/{{version}}
    resolve: [path, {{flag: use-v2, version: v2}}]
    default: v1
    versions:
      v1: {{backend: old, lifecycle: {{deprecated: 2026-03-01, sunset: {sunset}, successor: v2}}}}
      v2: {{backend: new, rewrite: /two}}
    endpoints:
      - {{path: "/gone/{{id}}", versions: {{v1: {{lifecycle: {{sunset: 2026-04-01}}}}}}}}
"""
AUTHORIZED = {"Authorization": "Bearer s3cret-token"}


def flag(*users: str) -> str:
    rule = {"if": [{"in": [{"var": "targetingKey"}, list(users)]}, "on"]}
    variants = {"on": True, "off": False}
    one = {"state": "ENABLED", "variants": variants, "defaultVariant": "off", "targeting": rule}
    return json.dumps({"flags": {"use-v2": one}})


@dataclass
class Served:
    """A running gateway in a folder of its own."""

    process: subprocess.Popen[bytes]
    folder: Path
    port: int
    admin: int
    backend: RawBackend

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def yaml(self, sunset: str = "2036-01-01") -> str:
        return YAML.format(port=self.port, admin=self.admin, backend=self.backend.port, sunset=sunset)

    def edit(self, name: str, text: str) -> None:
        """Replace a file as editors and Kubernetes do: by renaming a new one over it."""
        (self.folder / "new").write_text(text)
        (self.folder / "new").rename(self.folder / name)

    def metrics(self) -> str:
        url = f"http://127.0.0.1:{self.admin}/metrics"
        return httpx.get(url, headers=AUTHORIZED, trust_env=False).raise_for_status().text

    def page_with(self, text: str) -> str | None:
        """The metrics, once they hold a text."""
        page = self.metrics()
        return page if text in page else None

    def workers(self) -> int:
        body = httpx.get(f"http://127.0.0.1:{self.admin}/readyz", trust_env=False).json()
        return int(body["workers"])

    def log(self) -> str:
        return (self.folder / "stderr").read_text()

    def statuses(self, path: str, number: int = 12, **headers: str) -> set[int]:
        """The statuses of some requests on connections of their own, so that both workers answer."""
        return {
            httpx.get(self.base + path, headers=headers, trust_env=False).status_code for _ in range(number)
        }


@contextmanager
def served(folder: Path, backend: RawBackend, server: str = "workers: 2") -> Iterator[Served]:
    port, admin = free_ports(2)
    (folder / "flags.json").write_text(flag())
    with (folder / "stdout").open("wb") as out, (folder / "stderr").open("wb") as err:
        one = Served.__new__(Served)
        one.folder, one.port, one.admin, one.backend = folder, port, admin, backend
        (folder / "gateway.yaml").write_text(one.yaml().replace("workers: 2", server))
        command = [sys.executable, "-m", "duskgate.cli", "serve", str(folder / "gateway.yaml")]
        one.process = subprocess.Popen(command, stdout=out, stderr=err, start_new_session=True)
    try:
        eventually(lambda: _ready(one), "both workers ready")
        yield one
    finally:
        one.process.terminate()
        one.process.wait(20)


def _ready(one: Served) -> bool | None:
    assert one.process.poll() is None, one.log()
    try:
        return one.workers() == 2 or None
    except httpx.TransportError:
        return None


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Served]:
    with raw_backend() as backend, served(tmp_path, backend) as one:
        yield one


def counted(page: str, name: str, **labels: str) -> float:
    """The sum of the samples that have these labels."""
    total = 0.0
    for line in page.splitlines():
        found = re.fullmatch(r"(\w+)\{(.*)\} ([0-9.e+]+)", line)
        if found and found[1] == name:
            have = dict(re.findall(r'(\w+)="([^"]*)"', found[2]))
            if all(have.get(key) == value for key, value in labels.items()):
                total += float(found[3])
    return total


def test_counts_of_several_workers_are_exact_and_survive_their_death(gateway: Served) -> None:
    def ask(number: int) -> None:
        headers = {"X-Api-Key": "acme-key"}
        for _ in range(number):
            assert httpx.get(f"{gateway.base}/api/v1/x", headers=headers, trust_env=False).status_code == 200

    threads = [threading.Thread(target=ask, args=(25,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert gateway.statuses("/api/v1/gone/7", 30) == {410}

    def exact() -> bool | None:
        page = gateway.metrics()
        return (
            counted(page, "duskgate_requests_total", outcome="forwarded", phase="deprecated") == 200
            and counted(page, "duskgate_deprecated_requests_total", consumer="acme", endpoint="*") == 200
            and counted(page, "duskgate_request_duration_seconds_count", api="accounts", version="v1") == 230
            and counted(page, "duskgate_upstream_duration_seconds_count", api="accounts") == 200
            and counted(page, "duskgate_refused_total", reason="sunset", endpoint="/gone/{id}") == 30
        ) or None

    eventually(exact, "exact counts", 5)
    marks = list(Path("/proc").glob(f"{gateway.process.pid}/task/*/children"))
    children = [int(pid) for mark in marks for pid in mark.read_text().split()]
    workers = [pid for pid in children if b"duskgate.admin" not in Path(f"/proc/{pid}/cmdline").read_bytes()]
    os.kill(workers[0], signal.SIGKILL)
    eventually(lambda: _ready(gateway), "a new worker")
    eventually(exact, "the same counts after a worker was killed", 5)


def test_an_edited_sunset_is_taken_over_by_every_worker(gateway: Served) -> None:
    assert gateway.statuses("/api/v1/x") == {200}
    gateway.edit("gateway.yaml", gateway.yaml(sunset="2026-05-01"))
    eventually(lambda: gateway.statuses("/api/v1/x") == {410} or None, "410 from every worker", 10)
    gateway.edit("gateway.yaml", gateway.yaml())
    eventually(lambda: gateway.statuses("/api/v1/x") == {200} or None, "200 from every worker", 10)


def test_a_broken_edit_keeps_the_last_good_one_also_for_new_workers(gateway: Served) -> None:
    gateway.edit("gateway.yaml", gateway.yaml().replace("sunset", "sunst"))
    gateway.edit("flags.json", "{")
    failed = 'duskgate_config_last_reload_successful{file="config"} 0.0'
    eventually(lambda: failed in gateway.metrics() or None, "the rejection in the metrics", 10)
    assert "did you mean 'sunset'?" in gateway.log()
    assert gateway.statuses("/api/v1/x") == {200}
    children = Path(f"/proc/{gateway.process.pid}/task/{gateway.process.pid}/children").read_text().split()
    for pid in children:
        if b"duskgate.admin" not in Path(f"/proc/{pid}/cmdline").read_bytes():
            os.kill(int(pid), signal.SIGKILL)
            break
    eventually(lambda: _ready(gateway), "a new worker")
    assert gateway.statuses("/api/v1/x") == {200}
    for pid in children:
        if Path(f"/proc/{pid}").exists() and b"duskgate.admin" in Path(f"/proc/{pid}/cmdline").read_bytes():
            os.kill(int(pid), signal.SIGKILL)
    eventually(lambda: _ready(gateway), "a new admin server, which starts with the last good one too")
    gateway.edit("flags.json", flag())
    gateway.edit("gateway.yaml", gateway.yaml(sunset="2026-05-01"))
    eventually(lambda: gateway.statuses("/api/v1/x") == {410} or None, "the mended edit", 10)


def test_a_flag_moves_one_user_in_every_worker(gateway: Served) -> None:
    def version(user: str) -> set[str]:
        return {
            httpx.get(f"{gateway.base}/api/x", headers={"X-User-Id": user}, trust_env=False).text.split(" ")[
                1
            ]
            for _ in range(12)
        }

    assert version("alice") == {"/api/x"}
    gateway.edit("flags.json", flag("alice"))
    eventually(lambda: version("alice") == {"/two/x"} or None, "v2 for alice from every worker", 10)
    assert version("bob") == {"/api/x"}
    page = eventually(lambda: gateway.page_with('variant="on"'), "the flag counted")
    assert counted(page, "duskgate_rollout_requests_total", flag="use-v2", variant="on") >= 12


def sunset_is(gateway: Served, instant: int) -> bool | None:
    """Whether every worker and the admin server have taken over a sunset."""
    page = gateway.metrics()
    return counted(page, "duskgate_sunset_timestamp_seconds", endpoint="*") == instant or None


def test_no_request_is_lost_while_files_change(gateway: Served) -> None:
    failed: list[object] = []
    stop = threading.Event()

    def ask() -> None:
        with httpx.Client(trust_env=False) as client:
            while not stop.is_set():
                answer = client.get(f"{gateway.base}/api/v2/x")
                if answer.status_code != 200:
                    failed.append(answer)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for day in range(1, 6):
        gateway.edit("gateway.yaml", gateway.yaml(sunset=f"2030-01-0{day}"))
        eventually(partial(sunset_is, gateway, 1893456000 + (day - 1) * 86400), "the edit taken over", 10)
    stop.set()
    for thread in threads:
        thread.join()
    assert failed == []


def test_the_admin_port_is_apart_and_wants_its_token(gateway: Served) -> None:
    admin = f"http://127.0.0.1:{gateway.admin}"
    get = partial(httpx.get, trust_env=False)
    assert get(f"{admin}/metrics").status_code == 401
    assert get(f"{admin}/metrics", headers={"Authorization": "Bearer wrong"}).status_code == 401
    assert get(f"{admin}/metrics", headers=AUTHORIZED).status_code == 200
    assert get(f"{admin}/healthz").status_code == 200
    assert get(f"{admin}/readyz").json() == {"status": "ready", "workers": 2, "wanted": 2}
    for path in ("/metrics", "/healthz", "/readyz"):
        assert get(gateway.base + path).status_code == 404


def test_secrets_are_nowhere_to_be_seen(gateway: Served) -> None:
    key = "very-secret-key"
    for _ in range(40):  # a caller gets a label of its own once it is busy
        httpx.get(f"{gateway.base}/api/v1/x?token={key}", headers={"X-Api-Key": key}, trust_env=False)
    page = eventually(lambda: gateway.page_with('consumer="~'), "the caller's digest as a label")
    assert key not in page
    for name in ("stdout", "stderr"):
        assert key not in (gateway.folder / name).read_text()


def test_the_access_log_is_one_json_line_a_request(gateway: Served) -> None:
    httpx.get(f"{gateway.base}/api/v1/gone/1?q=1", headers={"X-User-Id": "u"}, trust_env=False)

    def lines() -> list[str] | None:
        return [
            one for one in (gateway.folder / "stdout").read_text().splitlines() if "/gone/1" in one
        ] or None

    (line,) = eventually(lines, "a line")
    entry = json.loads(line)
    expected = {"method": "GET", "path": "/api/v1/gone/1", "status": 410, "api": "accounts", "version": "v1"}
    assert {key: entry[key] for key in expected} == expected
    assert entry["endpoint"] == "/gone/{id}"
    assert entry["outcome"] == "refused"
    assert entry["reference"]


def test_sigterm_lets_a_running_request_end(gateway: Served) -> None:
    release = threading.Event()

    def script(conversation: Conversation) -> None:
        release.wait(10)
        conversation.send(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ndone")

    gateway.backend.scripts[b"/slow"] = script
    answers: list[httpx.Response] = []
    asking = threading.Thread(
        target=lambda: answers.append(httpx.get(f"{gateway.base}/api/v2/slow", trust_env=False, timeout=20))
    )
    asking.start()
    eventually(lambda: gateway.backend.seen or None, "the request at the backend")
    gateway.process.terminate()
    release.set()
    asking.join(10)
    assert answers[0].text == "done"
    assert gateway.process.wait(15) == 0


def test_nothing_is_left_when_the_supervisor_is_killed(gateway: Served) -> None:
    gateway.process.kill()
    gateway.process.wait()

    def closed() -> bool | None:
        for port in (gateway.port, gateway.admin):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return None
        return True

    eventually(closed, "both ports closed", 10)


def refused(folder: Path, text: str) -> tuple[int, str]:
    """The exit status and what a gateway says that cannot start."""
    (folder / "flags.json").write_text(flag())
    (folder / "gateway.yaml").write_text(text)
    command = [sys.executable, "-m", "duskgate.cli", "serve", str(folder / "gateway.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


@pytest.mark.parametrize("key", ["port", "admin"])
def test_a_port_in_use_is_named(tmp_path: Path, key: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        number = taken.getsockname()[1]
        other = free_ports(1)[0]
        ports = {"port": other, "admin": other, key: number}
        text = YAML.format(**ports, backend=1, sunset="2036-01-01")
        if ports["port"] == ports["admin"]:
            pytest.fail("the ports are meant to differ")
        status, said = refused(tmp_path, text)
    assert status == 2
    assert str(number) in said
    assert "another port" in said


def test_a_broken_file_is_not_served(tmp_path: Path) -> None:
    status, said = refused(tmp_path, "apis: [")
    assert status == 2
    assert "gateway.yaml:2:1: not YAML" in said


def test_broken_flags_are_not_served(tmp_path: Path) -> None:
    port, admin = free_ports(2)
    text = YAML.format(port=port, admin=admin, backend=1, sunset="2036-01-01").replace("flags.json", "f.json")
    (tmp_path / "f.json").write_text('{"flags": {"use-v2": {"state": "ON", "variants": {"a": true}}}}')
    status, said = refused(tmp_path, text)
    assert status == 2
    assert "f.json" in said


def test_backends_that_are_down_at_start_cost_a_502_and_no_more(tmp_path: Path) -> None:
    with raw_backend() as backend:
        port = backend.port
    with raw_backend() as stand_in, served(tmp_path, stand_in) as one:
        one.edit("gateway.yaml", one.yaml().replace(str(stand_in.port), str(port)))
        eventually(lambda: one.statuses("/api/v2/x") == {502} or None, "502 from every worker", 10)
        with raw_backend(("127.0.0.1", port)):
            assert one.statuses("/api/v2/x") == {200}


def test_readiness_turns_false_before_connections_are_refused(tmp_path: Path) -> None:
    with raw_backend() as backend, served(tmp_path, backend, "workers: 2, drain_delay: 1s") as one:
        one.process.terminate()
        ready = f"http://127.0.0.1:{one.admin}/readyz"

        def says_no() -> dict[str, object] | None:
            answer = httpx.get(ready, trust_env=False)
            return answer.json() if answer.status_code == 503 else None

        assert eventually(says_no, "503 from /readyz", 3)["status"] == "draining"
        assert one.statuses("/api/v2/x", 4) == {200}
        assert one.process.wait(15) == 0


def test_a_request_that_never_ends_is_ended_by_the_bound_or_a_second_signal(tmp_path: Path) -> None:
    def script(conversation: Conversation) -> None:
        conversation.send(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf")
        while conversation.socket.recv(1):
            pass

    for extra in ("workers: 2, drain_timeout: 1s", "workers: 2"):
        with raw_backend() as backend, served(tmp_path, backend, extra) as one:
            backend.scripts[b"/stuck"] = script
            with httpx.stream("GET", f"{one.base}/api/v2/stuck", trust_env=False, timeout=30) as answer:
                assert answer.status_code == 200
                one.process.terminate()
                if "timeout" not in extra:
                    with pytest.raises(subprocess.TimeoutExpired):
                        one.process.wait(0.5)
                    one.process.terminate()
                one.process.wait(10)
                with pytest.raises(httpx.RemoteProtocolError):
                    answer.read()
