"""A gateway of two workers whose endpoints end one after the other, three seconds apart."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from duskgate.policy.instants import rfc3339
from tests.backends import RawBackend
from tests.running import Gateway, eventually, free_ports, process

APART = 3_000
"""Ms between two sunsets."""

NUMBER = 100

TOKEN = "s3cret-token"

YAML = """
server: {{listen: "127.0.0.1:{port}", workers: 2, end_streams_after_sunset: 100ms}}
admin: {{listen: "127.0.0.1:{admin}", token: {token}}}
backends: {{one: {{url: "http://127.0.0.1:{backend}"}}, nobody: {{url: "http://127.0.0.1:{nobody}"}}}}
{more}
apis:
  accounts:
    path: /api/{{version}}
    resolve: [path, {{header: Api-Version}}]
    default: v1
    versions: {{v1: {{backend: one}}, v2: {{backend: nobody}}}}
    endpoints:
{endpoints}
"""
ENDPOINT = '      - {{path: "/{number}", versions: {{v1: {{lifecycle: {{sunset: "{sunset}"}}}}}}}}'


@dataclass(frozen=True)
class Endings:
    """The gateway. ``first`` is the instant (ms) of the first sunset."""

    gateway: Gateway
    first: int
    folder: Path

    @property
    def port(self) -> int:
        return int(self.gateway.base.rpartition(":")[2])

    def ahead(self, now: int, least: int) -> tuple[str, int]:
        """The path and the sunset of the first endpoint that ends at least so many ms after ``now``."""
        number = max(-((self.first - now - least) // APART), 0)
        assert number < NUMBER, "the gateway took too long to start"
        return f"/api/v1/{number}", self.first + number * APART

    def ready(self) -> dict[str, object]:
        """What /readyz says."""
        body = httpx.get(f"http://{self.gateway.admin}/readyz", trust_env=False).json()
        assert isinstance(body, dict)
        return body

    def answers(self, path: str, number: int = 12) -> list[httpx.Response]:
        """Answers on connections of their own, so that both workers give some."""
        return [self.gateway.get(path) for _ in range(number)]

    def in_force(self) -> list[str]:
        """What a reload would change: the configuration's digest, and how often files were taken over."""
        page = self.gateway.metrics()
        return re.findall(r"^duskgate_config_(?:info|reloads_total).*$", page, re.MULTILINE)

    def log(self) -> str:
        """What it said, and its access log."""
        return (self.folder / "gateway.log").read_text()

    def both_ready(self) -> bool | None:
        return self.ready()["workers"] == 2 or None


@contextmanager
def endings(
    folder: Path, backend: RawBackend, first: int, *options: str, more: str = ""
) -> Iterator[Endings]:
    """The gateway in front of a backend. ``options`` are those of ``duskgate serve``, ``more`` is YAML."""
    port, admin, nobody = free_ports(3)
    ends = [
        ENDPOINT.format(number=number, sunset=rfc3339(first + number * APART)) for number in range(NUMBER)
    ]
    config = folder / "gateway.yaml"
    places = {"port": port, "admin": admin, "nobody": nobody, "backend": backend.port, "token": TOKEN}
    config.write_text(YAML.format(endpoints="\n".join(ends), more=more, **places))
    command = [sys.executable, "-m", "duskgate.cli", "serve", str(config), *options]
    ready = f"http://127.0.0.1:{admin}/readyz"
    with process(command, folder / "gateway.log", ready) as started:
        one = Endings(
            Gateway(f"http://127.0.0.1:{port}", f"127.0.0.1:{admin}", TOKEN, started), first, folder
        )
        eventually(one.both_ready, "both workers ready")
        yield one


def until(instant: int) -> None:
    """Wait for an instant of the machine's clock (ms)."""
    while (left := instant - time.time_ns() / 1e6) > 0:
        time.sleep(left / 1000)
