"""A gateway, and a Prometheus that scrapes it as deploy/prometheus/prometheus.yml says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.running import Gateway, free_ports, gateway, installed, process

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"

GATEWAY = """
server: {listen: "@server"}
admin: {listen: "@admin", token: "@token"}
identity: [{header: X-Api-Key, secret: true}]
consumers:
  acme: {match: {X-Api-Key: acme-key}}
  rare: {match: {X-Api-Key: rare-key}}
backends:
  v1: {url: "http://@v1"}
  v2: {url: "http://@v2"}
apis:
  accounts:
    path: /api/{version}
    default: v1
    versions:
      v1: {backend: v1, lifecycle: {deprecated: 2020-01-01, sunset: 2099-01-01, successor: v2}}
      v2: {backend: v2}
    endpoints:
      - {path: "/users/{id}/avatar", versions: {v1: {lifecycle: {sunset: 2021-01-01}}}}
"""


def prometheus_yaml(credentials: Path) -> dict[str, Any]:
    """The file as deployed, except for where the token is: containers have it at a path of their own."""
    settings: dict[str, Any] = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())
    for job in settings["scrape_configs"]:
        job["authorization"]["credentials_file"] = str(credentials)
    return settings


@dataclass(frozen=True)
class Prometheus:
    """A running Prometheus."""

    url: str

    def ask(self, kind: str, **parameters: str | float) -> list[Any]:
        """The series that a query returns now. ``kind`` is query or query_range."""
        answer = httpx.get(f"{self.url}/api/v1/{kind}", params=parameters, trust_env=False)
        body = answer.json()
        assert body["status"] == "success", body
        assert body.get("warnings", []) == []
        result: list[Any] = body["data"]["result"]
        return result


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway in front of two versions: v1 is deprecated, and one endpoint of it is past its sunset."""
    with gateway(GATEWAY, tmp_path_factory.mktemp("gateway"), "system-token") as running:
        yield running


@pytest.fixture(scope="module")
def prometheus(served: Gateway, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """A Prometheus that scrapes ``served``, more often than the deployed one so that tests need not wait."""
    program = installed("prometheus")
    folder = tmp_path_factory.mktemp("prometheus")
    token = folder / "admin_token"
    token.write_text(served.token)
    settings = prometheus_yaml(token)
    settings["global"] = {"scrape_interval": "200ms", "scrape_timeout": "200ms"}
    (job,) = settings["scrape_configs"]
    job["static_configs"] = [{"targets": [served.admin]}]
    config = folder / "prometheus.yml"
    config.write_text(yaml.safe_dump(settings))
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    command = [
        program,
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=warn",
    ]
    with process(command, folder / "prometheus.log", f"{url}/-/ready"):
        yield Prometheus(url)
