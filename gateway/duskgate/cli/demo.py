"""``duskgate demo``: two backends, the gateway, and real requests through it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import click
import httpx
from rich.console import Console
from rich.table import Table

from duskgate.cli.common import config_argument, fail, load_or_fail
from duskgate.cli.serve import reserve
from duskgate.config import Loaded
from duskgate.config.scalars import Listen

STARTUP_SECONDS = 30.0


@dataclass(frozen=True)
class Shown:
    """A request of the demo and what it shows."""

    what: str
    path: str
    headers: tuple[tuple[str, str], ...] = ()

    def curl(self, base: str) -> str:
        """The same request for a terminal."""
        headers = "".join(f" -H '{name}: {value}'" for name, value in self.headers)
        return f"curl -i{headers} {base}{self.path}"


REQUESTS = (
    Shown("v1 by URL", "/api/v1/users/42"),
    Shown("v2 by URL", "/api/v2/users/42"),
    Shown("v2 by header", "/api/users/42", (("Api-Version", "v2"),)),
    Shown("v2 by flag, for alice", "/api/users/42", (("X-User-Id", "alice"),)),
    Shown("v1 for bob", "/api/users/42", (("X-User-Id", "bob"),)),
    Shown("a sunset endpoint", "/api/v1/users/42/avatar"),
    Shown("an unknown version", "/api/v9/users/42"),
)


@click.command()
@config_argument
@click.option("--once", is_flag=True, help="Stop after the table instead of keeping the gateway running.")
def demo(config: Path, once: bool) -> None:
    """Run CONFIG in front of two small backends, send requests through it and show what comes back."""
    loaded = load_or_fail(config)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with ExitStack() as running:
        for name in loaded.plan.backends:
            running.enter_context(_backends(loaded, name))
        running.enter_context(_gateway(loaded))
        _show(loaded)
        if not once:
            _stay(loaded)


@contextmanager
def _backends(loaded: Loaded, name: str) -> Iterator[None]:
    with ExitStack() as started:
        for target in loaded.plan.backends[name].targets:
            parts = urlsplit(target)
            listen = Listen(parts.hostname or "", parts.port or 80)
            if not listen.loopback or parts.scheme != "http":
                fail(f"backends.{name}: the demo serves backends on http://127.0.0.1 only, not {target}")
            reserve(f"backends.{name}", listen)
            command = ["-m", "duskgate.cli.backend", name, listen.host, str(listen.port)]
            started.enter_context(_process(command))
            _wait(f"{target}/", {200})
        yield


@contextmanager
def _gateway(loaded: Loaded) -> Iterator[None]:
    admin = loaded.document.admin.listen
    reserve("server.listen", loaded.document.server.listen)
    reserve("admin.listen", admin)
    with _process(["-m", "duskgate.cli", "serve", str(loaded.path)], stdout=subprocess.DEVNULL):
        _wait(f"http://{admin}/readyz", {200})
        yield


@contextmanager
def _process(arguments: list[str], stdout: int | None = None) -> Iterator[None]:
    process = subprocess.Popen([sys.executable, *arguments], stdout=stdout, start_new_session=True)
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(url: str, statuses: set[int]) -> None:
    """Poll until something answers; processes need a moment to start."""
    deadline = time.monotonic() + STARTUP_SECONDS
    while time.monotonic() < deadline:
        try:
            if httpx.get(url, trust_env=False).status_code in statuses:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    fail(f"{url} did not answer within {STARTUP_SECONDS:.0f} s")


def _show(loaded: Loaded) -> None:
    console = Console(width=None if sys.stdout.isatty() else 150)
    base = f"http://{loaded.document.server.listen}"
    table = Table("request", "status", "reached", "headers that tell the caller", show_lines=True)
    gone = ""
    with httpx.Client(trust_env=False) as client:
        for shown in REQUESTS:
            answer = client.get(base + shown.path, headers=list(shown.headers))
            sent = "\n".join(f"{name}: {value}" for name, value in shown.headers)
            told = "\n".join(
                f"{name.title()}: {value}"
                for name, value in answer.headers.multi_items()
                if name in ("deprecation", "sunset", "link", "retry-after")
            )
            reached = answer.headers.get("x-served-by", "-")
            table.add_row(
                f"{shown.what}\nGET {shown.path}\n{sent}".strip(), str(answer.status_code), reached, told
            )
            if answer.status_code == 410:
                gone = json.dumps(answer.json(), indent=2)
        console.print(table)
        if gone:
            console.print("The 410's body:", gone, sep="\n", markup=False, highlight=False)
        _show_counters(client, console, loaded)


_COUNTERS = ("duskgate_requests_total{", "duskgate_deprecated_requests_total{", "duskgate_refused_total{")


def _show_counters(client: httpx.Client, console: Console, loaded: Loaded) -> None:
    admin = loaded.document.admin
    headers = {"Authorization": f"Bearer {admin.token}"} if admin.token else {}
    lines: list[str] = []
    deadline = time.monotonic() + 5
    while _counted(lines) < len(REQUESTS) and time.monotonic() < deadline:
        time.sleep(0.1)  # workers fold their counts into the shared ones ten times a second
        page = client.get(f"http://{admin.listen}/metrics", headers=headers).text
        lines = [line for line in page.splitlines() if line.startswith(_COUNTERS)]
    console.print(
        f"Counted, on http://{admin.listen}/metrics:", *lines, sep="\n", markup=False, highlight=False
    )


def _counted(lines: list[str]) -> float:
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(_COUNTERS[0]))


def _stay(loaded: Loaded) -> None:
    base = f"http://{loaded.document.server.listen}"
    click.echo("\nThe gateway keeps running. In another terminal:\n")
    for shown in REQUESTS:
        click.echo(f"  {shown.curl(base)}")
    click.echo(f"  curl http://{loaded.document.admin.listen}/metrics")
    click.echo(f"\nEdit {loaded.path}: it is taken over at once. Ctrl-C stops everything.")
    try:
        signal.pause()
    except KeyboardInterrupt:
        click.echo("\nstopping")
