"""Duskgate in the shapes that are measured. Every one is ``duskgate serve`` with all its processes."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version

from tests.bench.notices import API_KEY, GUIDE
from tests.bench.peer import Peer
from tests.bench.place import Place

BARE = """\
server: {{listen: "127.0.0.1:{port}", access_log: false}}
admin: {{listen: "127.0.0.1:{admin}"}}
backends: {{one: {{url: "http://127.0.0.1:{backend}"}}}}
apis:
  accounts:
    path: /
    default: v1
    versions: {{v1: {{backend: one}}}}
"""

FULL = """\
server: {{listen: "127.0.0.1:{port}", access_log: {access_log}, max_request_body: unlimited}}
admin: {{listen: "127.0.0.1:{admin}"}}
identity: [{{header: X-Api-Key, secret: true}}]
consumers: {{acme: {{match: {{X-Api-Key: {key}}}}}}}
backends: {{one: {{url: "http://127.0.0.1:{backend}", transport: {transport}}}}}
apis:
  accounts:
    path: /api/{{version}}
    resolve: [path, {{header: Api-Version}}]
    default: v1
    versions:
      v1:
        backend: one
        lifecycle: {{deprecated: 2026-03-01, sunset: 2099-01-01, guide: "{guide}", successor: v2}}
      v2: {{backend: one}}
    endpoints: {endpoints}
"""


def endpoint_path(number: int, parameter: str) -> str:
    """The path of one of the many endpoints, below the api's."""
    return f"/section-{number % 100}/things-{number}/{parameter}/parts"


def endpoint(number: int) -> dict[str, object]:
    """An endpoint with a sunset of its own."""
    lifecycle = {"lifecycle": {"sunset": "2098-01-01"}}
    return {"path": endpoint_path(number, "{id}"), "methods": ["GET"], "versions": {"v1": lifecycle}}


class Duskgate(Peer):
    """``duskgate serve`` on a YAML that a subclass writes."""

    def program(self) -> str | None:
        return sys.executable

    def command(self, place: Place) -> list[str]:
        return [sys.executable, "-m", "duskgate.cli", "serve", str(place.folder / "gateway.yaml")]

    def version(self) -> str:
        parts = ("granian", "uvloop", "httptools")
        return ", ".join(f"{name} {version(name)}" for name in ("duskgate", *parts))


@dataclass(frozen=True)
class Full(Duskgate):
    """A deprecated version with all its notices, callers known by a secret header, metrics on."""

    name: str = "duskgate"
    title: str = "Duskgate, full policy"
    access_log: bool = False
    transport: str = "native"
    endpoints: int = 0

    def files(self, place: Place) -> Mapping[str, str]:
        return {
            "gateway.yaml": FULL.format(
                port=place.port,
                admin=place.admin,
                backend=place.backend,
                access_log=str(self.access_log).lower(),
                transport=self.transport,
                key=API_KEY,
                guide=GUIDE,
                endpoints=json.dumps([endpoint(number) for number in range(self.endpoints)]),
            )
        }


class Bare(Duskgate):
    """One api with one version: no lifecycle, no identity; metrics are always on."""

    name = "duskgate-bare"
    title = "Duskgate, bare"
    notices = False

    def files(self, place: Place) -> Mapping[str, str]:
        return {"gateway.yaml": BARE.format(port=place.port, admin=place.admin, backend=place.backend)}
