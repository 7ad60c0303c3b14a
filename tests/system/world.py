"""A gateway in which everything happens that a dashboard or an alert is there for."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.running import Gateway

GATEWAY = """
server: {listen: "@server"}
admin: {listen: "@admin", token: "@token"}
flags: {path: flags.json}
ledger: {url: "sqlite:///duskgate.db"}
identity: [{header: X-Api-Key, secret: true}]
consumers:
  acme: {match: {X-Api-Key: acme-key}, critical: true}
  rare: {match: {X-Api-Key: rare-key}}
  leaving: {match: {X-Api-Key: leaving-key}}
  staying: {match: {X-Api-Key: staying-key}}
backends:
  v1: {url: "http://@v1"}
  v2: {url: "http://@v2"}
  gone: {url: "http://127.0.0.1:1", health: /healthz}
apis:
  shop:
    path: /shop
    resolve: [{header: Api-Version}, {flag: of-another-type, version: v2}]
    default: v1
    versions:
      v1:
        backend: v1
        rollout: {to: v2, flag: move-to-v2@guard}
        shadow: {to: v2, sample: 100%, rate: 1000, max_body: 1KiB}
        lifecycle: {deprecated: 2020-01-01, sunset: "@in_ten_days", successor: v2}
      v2: {backend: v2}
    endpoints:
      - path: /ended
        versions:
          v1:
            lifecycle:
              sunset: 2021-01-01
              grace:
                - {consumer: leaving, until: "@in_five_days", owner: jo, reason: contract}
                - {consumer: staying, until: 2099-01-01, owner: jo, reason: contract}
      - path: /dark
        versions: {v1: {lifecycle: {brownouts: [{from: "@an_hour_ago", for: 1d}]}}}
      - path: /held
        versions: {v1: {lifecycle: {sunset: "@yesterday", accept: {critical_unseen: 2w}}}}
  broken:
    path: /broken
    resolve: [{header: Api-Version}]
    default: v1
    versions:
      v1: {backend: v1, rollout: {to: v2, flag: move-to-v2@guard}}
      v2: {backend: gone}
"""

FLAGS = {
    "flags": {
        "move-to-v2": {
            "state": "ENABLED",
            "variants": {"on": True, "off": False},
            "defaultVariant": "off",
            "targeting": {"fractional": [["on", 50], ["off", 50]]},
        },
        "of-another-type": {"state": "ENABLED", "variants": {"one": "1"}, "defaultVariant": "one"},
    }
}

GUARD = ", guard: {window: 20s, min_requests: 10, max_error_delta: 5%, action: alert}"

V1, V2, V9 = ({"Api-Version": version} for version in ("v1", "v2", "v9"))

CALLS: tuple[tuple[str, str, dict[str, str], int], ...] = (
    ("acme", "/shop/users", V1, 200),
    ("acme", "/shop/users", V2, 200),
    ("acme", "/shop/users", {}, 200),
    ("unknown", "/shop/users", V1, 200),
    ("acme", "/shop/" + 1000 * "long", V1, 200),
    ("acme", "/shop/ended", V1, 410),
    ("leaving", "/shop/ended", V1, 200),
    ("staying", "/shop/ended", V1, 200),
    ("acme", "/shop/dark", V1, 410),
    ("acme", "/shop/held", V1, 200),
    ("acme", "/shop/users", V9, 400),
    ("acme", "/broken/users", V1, 200),
    ("acme", "/broken/users", V2, 502),
    ("acme", "/elsewhere", {}, 404),
)
"""Who asks for what, and gets which status: at least one of every kind that a panel or alert shows."""


def written(folder: Path) -> str:
    """The gateway's YAML, with its dates put in. Its flags are written to the folder."""
    (folder / "flags.json").write_text(json.dumps(FLAGS), encoding="utf-8")
    now = datetime.now(UTC)
    moments = {
        "@an_hour_ago": now - timedelta(hours=1),
        "@yesterday": now - timedelta(days=1),
        "@in_five_days": now + timedelta(days=5),
        "@in_ten_days": now + timedelta(days=10),
    }
    text = GATEWAY.replace("@guard", GUARD)
    for name, moment in moments.items():
        text = text.replace(name, f"{moment:%Y-%m-%dT%H:%M:%SZ}")
    return text


def call_everything(served: Gateway) -> None:
    for consumer, path, headers, status in CALLS:
        answer = served.get(path, **{"X-Api-Key": f"{consumer}-key", **headers})
        assert answer.status_code == status, (path, answer.text)
