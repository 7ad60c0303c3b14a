"""Apis that move from v1 to v2, one for each way to tell the versions apart in a URL."""

from duskgate.policy import Plan
from duskgate.policy.decision import Ruled
from tests.policy.world import ask, one_api

LIFE = "lifecycle: {deprecated: 2026-01-01, sunset: 2027-01-01, successor: v2}"
VERSIONS = f"versions: {{v1: {{backend: old, rewrite: /old, {LIFE}}}, v2: {{backend: new}}}}"


def by(path: str, resolve: str, endpoints: str = "[]") -> Plan:
    return one_api(f"{{path: '{path}', resolve: {resolve}, default: v1, {VERSIONS}, endpoints: {endpoints}}}")


def moved(template: str, to: str) -> str:
    life = f"{{deprecated: 2026-01-01, successor_path: '{to}'}}"
    return f"[{{path: '{template}', versions: {{v1: {{lifecycle: {life}}}}}}}]"


def link(plan: Plan, target: str | bytes, headers: list[tuple[str, str]] | None = None) -> bytes | None:
    decision = ask(plan, target, headers or [])
    assert isinstance(decision, Ruled), decision
    return decision.successor


IN_PATH = by("/api/{version}", "[path, {header: Api-Version}]")
IN_FRONT = by("/{version}", "[path]")
IN_MIDDLE = by("/shop/{version}/api", "[path]")
IN_HOST = by("/api", "[{header: Api-Version}, {host: '{version}.example.com'}]")
IN_HOST_ROOT = by("/", "[{host: '{version}.example.com'}]")
IN_QUERY = by("/api", "[{query: api-version}]")
IN_HEADER = by("/api", "[{header: Api-Version}, {media_type: 'a/{version}'}]")
HOST = [("Host", "v1.example.com")]
