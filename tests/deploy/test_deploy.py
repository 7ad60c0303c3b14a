"""The files in deploy/ agree with each other and with the program."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from duskgate.config import InvalidConfig, Loaded, load
from tests.deploy.conftest import GATEWAY
from tests.deploy.dashboards import BUILT

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
GRAFANA = DEPLOY / "grafana"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, Any] = COMPOSE["services"]
PROMETHEUS = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))
DOCKERFILE = (DEPLOY / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", "")


def instructions(name: str) -> list[str]:
    """The arguments of the Dockerfile's instructions of one kind."""
    return re.findall(rf"^{name} +(.+)$", DOCKERFILE, re.MULTILINE)


# The gateway's configuration


def test_the_gateway_configuration_has_no_mistake_and_no_warning(gateway: Loaded) -> None:
    assert gateway.warnings == ()


def test_without_a_token_the_gateway_does_not_start() -> None:
    with pytest.raises(InvalidConfig, match="DUSKGATE_ADMIN_TOKEN"):
        load(GATEWAY, {})


# compose.yaml


def mounts() -> list[tuple[str, str]]:
    """Each service's folders of this repository."""
    volumes = [(name, volume) for name in SERVICES for volume in SERVICES[name].get("volumes", ())]
    sources = [(name, volume.split(":")[0]) for name, volume in volumes]
    return [(name, source) for name, source in sources if source not in COMPOSE["volumes"]]


def ports() -> list[str]:
    return [port for service in SERVICES.values() for port in service.get("ports", ())]


@pytest.mark.parametrize(("service", "source"), mounts())
def test_what_is_mounted_exists(service: str, source: str) -> None:
    assert (DEPLOY / source).is_dir()


@pytest.mark.parametrize("port", ports())
def test_ports_are_published_on_this_machine_only(port: str) -> None:
    assert port.startswith("127.0.0.1:")


@pytest.mark.parametrize("service", SERVICES)
def test_images_are_pinned(service: str) -> None:
    assert re.fullmatch(r"[a-z/]+:v?\d+\.\d+\.\d+", SERVICES[service]["image"])


@pytest.mark.parametrize("service", SERVICES)
def test_no_service_keeps_rights_it_does_not_need(service: str) -> None:
    assert SERVICES[service]["cap_drop"] == ["ALL"]
    assert SERVICES[service]["security_opt"] == ["no-new-privileges:true"]


@pytest.mark.parametrize(("service", "variable"), [
    ("gateway", "DUSKGATE_ADMIN_TOKEN"),
    ("grafana", "GF_SECURITY_ADMIN_PASSWORD"),
])  # fmt: skip
def test_a_secret_has_no_default(service: str, variable: str) -> None:
    assert re.fullmatch(r"\$\{\w+:\?.+\}", SERVICES[service]["environment"][variable])


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_waits_only_for_services_that_exist(service: str) -> None:
    assert set(SERVICES[service].get("depends_on", ())) <= set(SERVICES)


def test_the_services_image_is_built_from_this_repository() -> None:
    build = SERVICES["gateway"]["build"]
    assert (DEPLOY / build["context"]).resolve() == ROOT
    assert ROOT / build["dockerfile"] == DEPLOY / "Dockerfile"


def test_the_gateways_backends_are_services_that_listen_there(gateway: Loaded) -> None:
    for name, backend in gateway.plan.backends.items():
        (target,) = backend.targets
        at = urlsplit(target)
        module = ["python", "-m", "duskgate.cli.backend", name, "0.0.0.0", str(at.port)]
        assert SERVICES[str(at.hostname)]["command"] == module


def test_the_ports_published_are_the_gateways(gateway: Loaded) -> None:
    listens = (gateway.document.server.listen, gateway.document.admin.listen)
    assert [port.split(":")[-1] for port in SERVICES["gateway"]["ports"]] == [
        str(one.port) for one in listens
    ]
    assert {one.host for one in listens} == {"0.0.0.0"}


def test_the_gateway_finds_its_configuration_where_compose_mounts_it() -> None:
    (volume,) = SERVICES["gateway"]["volumes"]
    source, target, _ = volume.split(":")
    assert DEPLOY / source / "gateway.yaml" == GATEWAY
    assert f"DUSKGATE_CONFIG={target}/gateway.yaml" in DOCKERFILE


# Prometheus and Grafana


def test_prometheus_scrapes_the_gateways_admin_port_with_its_token(gateway: Loaded) -> None:
    (job,) = PROMETHEUS["scrape_configs"]
    (secret,) = SERVICES["prometheus"]["secrets"]
    assert job["static_configs"] == [{"targets": [f"gateway:{gateway.document.admin.listen.port}"]}]
    assert job["authorization"]["credentials_file"] == f"/run/secrets/{secret['source']}"
    assert COMPOSE["secrets"][secret["source"]] == {"environment": "DUSKGATE_ADMIN_TOKEN"}


def test_grafana_is_told_where_prometheus_is_and_how_often_it_scrapes() -> None:
    text = (GRAFANA / "provisioning" / "datasources" / "prometheus.yaml").read_text(encoding="utf-8")
    (source,) = yaml.safe_load(text)["datasources"]
    at = urlsplit(source["url"])
    assert at.hostname in SERVICES
    assert source["jsonData"]["timeInterval"] == PROMETHEUS["global"]["scrape_interval"]


def test_grafana_finds_the_dashboards_where_compose_mounts_them() -> None:
    text = (GRAFANA / "provisioning" / "dashboards" / "duskgate.yaml").read_text(encoding="utf-8")
    (provider,) = yaml.safe_load(text)["providers"]
    folder = provider["options"]["path"]
    assert f"./grafana/dashboards:{folder}:ro" in SERVICES["grafana"]["volumes"]
    home = SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert GRAFANA / "dashboards" / Path(home).relative_to(folder) in BUILT


# The Dockerfile


def copied() -> list[str]:
    """What the Dockerfile copies from the repository."""
    lines = [line.split() for line in instructions("COPY") if not line.startswith("--from")]
    return [source for line in lines for source in line[:-1]]


@pytest.mark.parametrize("source", copied())
def test_what_the_image_copies_exists(source: str) -> None:
    assert (ROOT / source).exists()


def test_the_build_is_sent_what_it_copies_and_nothing_else() -> None:
    lines = (DEPLOY / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    assert "*" in lines
    assert sorted(line[1:] for line in lines if line.startswith("!")) == sorted(copied())


def test_the_image_runs_as_a_user_that_is_not_root() -> None:
    user = instructions("USER")[-1]
    assert int(user.split(":")[0]) > 0
    assert DOCKERFILE.index(f"USER {user}") > DOCKERFILE.rindex("\nFROM ")


def test_the_image_is_made_from_a_pinned_one() -> None:
    (base,) = instructions("ARG")
    assert re.fullmatch(r"PYTHON=\d+\.\d+\.\d+-slim-\w+", base)
    assert {line.split()[0] for line in instructions("FROM")} == {"python:${PYTHON}"}


def test_the_image_holds_no_secret_and_names_no_package_index() -> None:
    assert not re.search(r"token|password|secret|index-url|https?://", DOCKERFILE, re.IGNORECASE)


def test_the_health_check_asks_the_admin_port(gateway: Loaded) -> None:
    (check,) = instructions("HEALTHCHECK")
    command = json.loads(check[check.index("[") :])
    assert command[:2] == ["python", "-c"]
    assert f"'127.0.0.1', {gateway.document.admin.listen.port}" in command[2]
    compile(command[2], "HEALTHCHECK", "exec")


def test_the_image_serves() -> None:
    assert json.loads(instructions("CMD")[-1]) == ["duskgate", "serve"]
