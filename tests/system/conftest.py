"""One gateway for all these tests, and a Prometheus that watches it as deploy/prometheus says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.deploy.rules import RULES
from tests.running import Gateway, free_ports, gateway, installed, process
from tests.system.world import written

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"


def prometheus_yaml(credentials: Path) -> dict[str, Any]:
    """The file as deployed, except for where its other files are: containers have paths of their own."""
    folder = DEPLOY / "prometheus"
    settings: dict[str, Any] = yaml.safe_load((folder / "prometheus.yml").read_text())
    settings["rule_files"] = [str(folder / pattern) for pattern in settings["rule_files"]]
    for job in settings["scrape_configs"]:
        job["authorization"]["credentials_file"] = str(credentials)
    return settings


@dataclass(frozen=True)
class Prometheus:
    """A running Prometheus."""

    url: str

    def get(self, what: str, **parameters: str | float) -> Any:
        """What a page of its API says."""
        answer = httpx.get(f"{self.url}/api/v1/{what}", params=parameters, trust_env=False)
        body = answer.json()
        assert body["status"] == "success", body
        assert body.get("warnings", []) == []
        return body["data"]

    def ask(self, kind: str, **parameters: str | float) -> list[Any]:
        """The series that a query returns. ``kind`` is query or query_range."""
        result: list[Any] = self.get(kind, **parameters)["result"]
        return result


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """The gateway of ``world.py``."""
    folder = tmp_path_factory.mktemp("gateway")
    with gateway(written(folder), folder, "system-token") as running:
        yield running


def hurried_rules(folder: Path) -> list[str]:
    """The rules as deployed, but that all of them are evaluated at Prometheus' own interval."""
    for path in RULES:
        rules = yaml.safe_load(path.read_text(encoding="utf-8"))
        for group in rules["groups"]:
            group.pop("interval", None)
        (folder / path.name).write_text(yaml.safe_dump(rules), encoding="utf-8")
    return [str(folder / path.name) for path in RULES]


@pytest.fixture(scope="session")
def prometheus(served: Gateway, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """A Prometheus that scrapes ``served``, more often than the deployed one so that tests need not wait."""
    program = installed("prometheus")
    folder = tmp_path_factory.mktemp("prometheus")
    token = folder / "admin_token"
    token.write_text(served.token)
    settings = prometheus_yaml(token)
    settings["global"] = {"scrape_interval": "500ms", "scrape_timeout": "500ms", "evaluation_interval": "1s"}
    settings["rule_files"] = hurried_rules(folder)
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
