"""The tutorial's proxy as a peer."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib.metadata import version

from tests.bench.peer import Peer
from tests.bench.place import Place

LIBRARIES = ("starlette", "httpx", "uvicorn")


class Tutorial(Peer):
    name = "tutorial"
    title = "Starlette + httpx tutorial"

    def program(self) -> str | None:
        return sys.executable

    def files(self, place: Place) -> Mapping[str, str]:
        return {}

    def command(self, place: Place) -> list[str]:
        options = ["--port", str(place.port), "--no-access-log", "--log-level", "warning"]
        return [sys.executable, "-m", "uvicorn", "tests.bench.tutorial:app", *options]

    def version(self) -> str:
        return ", ".join(f"{name} {version(name)}" for name in LIBRARIES)

    def env(self, place: Place) -> Mapping[str, str]:
        return {"BENCH_BACKEND": f"http://127.0.0.1:{place.backend}"}
