"""Real processes on free ports of this machine, and waiting for them."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import httpx
import pytest

START_SECONDS = 30.0
STOP_SECONDS = 15.0
PACKAGES = {
    "initdb": "postgresql",
    "postgres": "postgresql",
    "prometheus": "prometheus",
    "promtool": "prometheus",
}
"""The Debian package that each program comes in."""

OFF_PATH = "/usr/lib/postgresql/*/bin"
"""Where Debian puts PostgreSQL's programs."""

T = TypeVar("T")


def installed(program: str) -> str:
    """The program's path. Without it the test fails: a skipped one would look like a passed one."""
    folders = [os.environ.get("PATH", ""), *sorted(map(str, Path("/").glob(OFF_PATH[1:])), reverse=True)]
    path = shutil.which(program, path=os.pathsep.join(folders))
    if path is None:
        pytest.fail(f"{program} is missing: apt-get install {PACKAGES[program]}", pytrace=False)
    return path


def free_ports(number: int) -> list[int]:
    """Ports that nothing listens on, all different."""
    with ExitStack() as held:
        probes = [held.enter_context(socket.socket()) for _ in range(number)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


def eventually(look: Callable[[], T | None], what: str, seconds: float = START_SECONDS) -> T:
    """What ``look`` finds, asked again and again until it finds something."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = look()
        if found is not None:
            return found
        time.sleep(0.05)
    pytest.fail(f"not within {seconds:.0f} s: {what}")


@contextmanager
def process(command: Sequence[str], log: Path, ready: str) -> Iterator[subprocess.Popen[bytes]]:
    """A running program, from when the URL ``ready`` answers 200 until the block ends."""
    with log.open("wb") as output:
        started = subprocess.Popen(command, stdout=output, stderr=output, start_new_session=True)
    try:
        eventually(lambda: _answers(started, log, ready), f"an answer from {ready}")
        yield started
    finally:
        started.terminate()
        try:
            started.wait(STOP_SECONDS)
        finally:
            started.kill()
            started.wait()


def _answers(started: subprocess.Popen[bytes], log: Path, url: str) -> bool | None:
    if started.poll() is not None:
        pytest.fail(f"{url}: ended with {started.returncode}\n{log.read_text()}", pytrace=False)
    try:
        return httpx.get(url, trust_env=False).status_code == 200 or None
    except httpx.TransportError:
        return None


@dataclass(frozen=True)
class Gateway:
    """A running ``duskgate serve``."""

    base: str
    admin: str
    token: str
    process: subprocess.Popen[bytes]

    def get(self, path: str, **headers: str) -> httpx.Response:
        """Ask as a caller would."""
        return httpx.get(self.base + path, headers=headers, trust_env=False)

    def metrics(self) -> str:
        """The /metrics page."""
        headers = {"Authorization": f"Bearer {self.token}"}
        answer = httpx.get(f"http://{self.admin}/metrics", headers=headers, trust_env=False)
        return answer.raise_for_status().text

    def workers(self) -> list[int]:
        """The pids of the workers that are ready, as each leaves its mark."""
        marks = Path(tempfile.gettempdir()).glob("duskgate-*/workers/*")
        return [int(mark.name) for mark in marks if _parent(int(mark.name)) == self.process.pid]

    def stop(self) -> None:
        """Stop it in order, and wait until it has."""
        self.process.terminate()
        assert self.process.wait(STOP_SECONDS) == 0


def _parent(pid: int) -> int | None:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except FileNotFoundError:
        return None


@contextmanager
def gateway(yaml: str, folder: Path, token: str) -> Iterator[Gateway]:
    """``duskgate serve`` in front of two demo backends.

    ``yaml`` holds @server, @admin, @v1 and @v2 in place of their addresses, and @token.
    """
    server, admin, v1, v2 = (f"127.0.0.1:{port}" for port in free_ports(4))
    values = {"@server": server, "@admin": admin, "@v1": v1, "@v2": v2, "@token": token}
    for name, value in values.items():
        yaml = yaml.replace(name, value)
    config = folder / "gateway.yaml"
    config.write_text(yaml)
    python = [sys.executable, "-m"]
    with ExitStack() as running:
        for version, address in (("v1", v1), ("v2", v2)):
            command = [*python, "duskgate.cli.backend", version, *address.split(":")]
            running.enter_context(process(command, folder / f"{version}.log", f"http://{address}/"))
        command = [*python, "duskgate.cli", "serve", str(config)]
        started = running.enter_context(process(command, folder / "gateway.log", f"http://{admin}/readyz"))
        yield Gateway(f"http://{server}", admin, token, started)
