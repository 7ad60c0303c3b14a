"""What the data port's settings make of the server: its bounds, and workers that are replaced."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from granian.constants import HTTPModes

from duskgate.cli.server import DrainingServer
from duskgate.config import loads
from duskgate.proxy.run_dir import WORKERS
from tests.backends import read_response
from tests.running import eventually, free_ports

YAML = """
server: {{listen: "127.0.0.1:{port}", access_log: false, {settings}}}
admin: {{listen: "127.0.0.1:{admin}"}}
backends: {{b: {{url: "http://127.0.0.1:{nobody}"}}}}
apis: {{a: {{path: /a, default: v1, versions: {{v1: {{backend: b, lifecycle: {{sunset: 2026-01-01}}}}}}}}}}
"""
ASK = b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n"
MIB = 2**20

MAPPED: list[tuple[str, dict[str, object]]] = [
    ("workers: 4", {"workers": 4, "workers_lifetime": None, "workers_rss": None, "backpressure": 1024}),
    ("max_worker_age: 1d", {"workers_lifetime": 86_400}),
    ("max_worker_age: 61500ms", {"workers_lifetime": 61}),
    ("max_worker_age: 5s", {"workers_lifetime": 60}),
    ("max_worker_age: never", {"workers_lifetime": None}),
    ("max_worker_memory: 512MiB", {"workers_rss": 512 * MIB}),
    ("max_worker_memory: 1GB", {"workers_rss": 953 * MIB}),
    ("max_worker_memory: 10kB", {"workers_rss": MIB}),
    ("max_worker_memory: unlimited", {"workers_rss": None}),
    ("drain_timeout: 2m", {"workers_kill_timeout": 120}),
    ("drain_timeout: 10ms", {"workers_kill_timeout": 1}),
    ("max_connections: 5000, workers: 2", {"backpressure": 5000}),
    ("http2: true", {"http": HTTPModes.auto}),
]


@pytest.mark.parametrize(("settings", "expected"), MAPPED, ids=[case[0] for case in MAPPED])
def test_settings_reach_granian(tmp_path: Path, settings: str, expected: dict[str, object]) -> None:
    text = YAML.format(port=1, admin=2, nobody=3, settings=settings)
    server = DrainingServer(loads(text, Path("gateway.yaml"), {}).document.server, tmp_path)
    assert {name: getattr(server, name) for name in expected} == expected


@dataclass(frozen=True)
class Hurried:
    """A gateway of ``tests/cli/hurried.py``."""

    port: int
    marks: Path

    def workers(self) -> set[int]:
        """The process ids of the workers that are ready."""
        return {int(mark.name) for mark in self.marks.iterdir()}

    def connected(self) -> socket.socket:
        """A connection. A worker listens a moment after it says that it is ready."""

        def attempt() -> socket.socket | None:
            try:
                return socket.create_connection(("127.0.0.1", self.port), timeout=5)
            except ConnectionRefusedError:
                return None

        return eventually(attempt, "a connection", 5)

    def answers(self) -> bool | None:
        """Whether a request is answered. One that waits for a worker that ends may be lost."""
        try:
            with self.connected() as caller:
                caller.sendall(ASK)
                return read_response(caller).startswith(b"HTTP/1.1 410 ") or None
        except ConnectionError:
            return None


@contextmanager
def hurried(folder: Path, settings: str) -> Iterator[Hurried]:
    port, admin, nobody = free_ports(3)
    config, run_dir = folder / "gateway.yaml", folder / "run"
    config.write_text(YAML.format(port=port, admin=admin, nobody=nobody, settings=settings))
    run_dir.mkdir()
    command = [sys.executable, "-m", "tests.cli.hurried", str(config), str(run_dir)]
    process = subprocess.Popen(command, start_new_session=True)
    try:
        eventually(lambda: list(run_dir.glob(f"{WORKERS}/*")) or None, "a worker")
        yield Hurried(port, run_dir / WORKERS)
    finally:
        process.terminate()
        process.wait(20)


@pytest.mark.parametrize("http2", ["false", "true"])
@pytest.mark.parametrize("settings", ["max_worker_age: 60s", "max_worker_memory: 1MiB"])
def test_a_worker_that_is_too_old_or_too_large_is_replaced(tmp_path: Path, settings: str, http2: str) -> None:
    with hurried(tmp_path, f"{settings}, http2: {http2}") as gateway:
        (first,) = gateway.workers()
        assert gateway.answers()
        eventually(lambda: gateway.workers() - {first} or None, "another worker", 10)
        eventually(lambda: None if Path(f"/proc/{first}").exists() else True, "the end of the first", 10)
        eventually(gateway.answers, "an answer", 5)


@pytest.mark.parametrize("http2", ["false", "true"])
def test_more_connections_than_allowed_wait(tmp_path: Path, http2: str) -> None:
    with hurried(tmp_path, f"max_connections: 3, http2: {http2}") as gateway, ExitStack() as stack:
        first, *_ = [stack.enter_context(gateway.connected()) for _ in range(3)]
        last = stack.enter_context(gateway.connected())
        last.sendall(ASK)
        last.settimeout(0.5)
        with pytest.raises(TimeoutError):
            last.recv(1)
        first.close()
        last.settimeout(5)
        assert read_response(last).startswith(b"HTTP/1.1 410 ")


FILES = [((300, 9000), 2304, False), ((300, 2304), 2304, False), ((300, 2303), 2303, True)]


@pytest.mark.parametrize(("limits", "allowed", "warned"), FILES)
def test_1024_connections_can_have_their_files(limits: tuple[int, int], allowed: int, warned: bool) -> None:
    """Two for each, and 256 besides: by granian, up to the hard limit."""
    code = (
        f"import resource; resource.setrlimit(resource.RLIMIT_NOFILE, {limits})\n"
        "from duskgate.cli.serve import warn_of_few_files; warn_of_few_files(1024)\n"
        "print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) >= allowed
    assert ("set LimitNOFILE= or ulimit -n higher, or max_connections lower" in done.stderr) == warned
