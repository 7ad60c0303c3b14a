"""What explain says of who is calling, and how it came to be known."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.test_commands import run
from tests.tokens.world import key_set, signer

YAML = """
server: {trusted_proxies: [10.0.0.0/8]}
identity:
  - {header: X-Api-Key, secret: true}
  - {jwt: {jwks: keys.json}}
  - {jwt: {name: far, header: X-Token, jwks: "https://id.example.com/keys"}}
  - {client_certificate: {header: X-Forwarded-Client-Cert, field: URI}}
  - {ip: {prefix: 24}}
consumers:
  acme: {match: {"jwt:sub": acme-app}}
  beta: {match: {client_certificate: "spiffe://beta"}}
  office: {match: {ip: 203.0.113.0/24}}
backends: {old: {url: "http://127.0.0.1:9001"}}
apis: {accounts: {path: /api, default: v1, versions: {v1: {backend: old}}}}
"""

KEY = signer()
NOT_THERE = [
    "X-Api-Key names nobody: it is not there",
    "jwt:sub in Authorization names nobody: it is not there",
    "far:sub in X-Token names nobody: it is not there",
    "client_certificate in X-Forwarded-Client-Cert names nobody: it is not there",
]
XFCC = "X-Forwarded-Client-Cert: Hash=ab;URI=spiffe://beta"
CASES: list[tuple[str, list[str], str, list[str]]] = [
    ("a good token", ["-H", f"Authorization: Bearer {KEY.token(sub='acme-app')}"], "acme",
     [NOT_THERE[0], "jwt:sub in Authorization names acme"]),
    ("a bad one", ["-H", f"Authorization: Bearer {signer().token()}"], "anonymous",
     [NOT_THERE[0], "jwt:sub in Authorization names nobody: it is refused (signature)", *NOT_THERE[2:],
      "ip names nobody: no address is given"]),
    ("another scheme", ["-H", "Authorization: Basic abc", "--peer", "203.0.113.9"], "office",
     [NOT_THERE[0], "jwt:sub in Authorization names nobody: it is no bearer token", *NOT_THERE[2:],
      "ip names office"]),
    ("keys at a URL", ["-H", f"X-Token: {KEY.token()}"], "anonymous",
     [*NOT_THERE[:2], "far:sub in X-Token names nobody: it cannot be verified here: explain does not ask"
      " https://id.example.com/keys for keys", NOT_THERE[3], "ip names nobody: no address is given"]),
    ("a proxy's certificate", ["-H", XFCC, "--peer", "10.0.0.1"], "beta",
     [*NOT_THERE[:3], "client_certificate in X-Forwarded-Client-Cert names beta"]),
    ("a stranger's", ["-H", XFCC, "--peer", "203.0.113.9"], "office",
     [*NOT_THERE[:3], "client_certificate in X-Forwarded-Client-Cert names nobody: 203.0.113.9 is no trusted"
      " proxy", "ip names office"]),
    ("without the field", ["-H", "X-Forwarded-Client-Cert: Hash=ab", "--peer", "10.0.0.1", "-H",
                           "X-Forwarded-For: 203.0.113.9"], "office",
     [*NOT_THERE[:3], "client_certificate in X-Forwarded-Client-Cert names nobody: it holds nothing of the"
      " kind", "ip names office"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("options", "caller", "found"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_each_way_is_told(tmp_path: Path, options: list[str], caller: str, found: list[str]) -> None:
    (tmp_path / "keys.json").write_bytes(key_set(KEY))
    config = tmp_path / "gateway.yaml"
    config.write_text(YAML)
    told = json.loads(run("explain", "GET", "/api/x", str(config), "--json", *options).stdout)
    assert told["caller"] == caller
    assert [step["found"] for step in told["steps"] if step["rule"] == "identity"] == found


def test_a_peer_that_is_no_address(tmp_path: Path) -> None:
    config = tmp_path / "gateway.yaml"
    config.write_text(YAML.replace("keys.json", "https://id.example.com/other"))
    result = run("explain", "GET", "/api/x", str(config), "--peer", "localhost")
    assert (result.exit_code, "--peer: 'localhost' is not an address" in result.stderr) == (2, True)


def test_check_warns_of_tokens_that_anybody_can_write(tmp_path: Path) -> None:
    config = tmp_path / "gateway.yaml"
    config.write_text(YAML.replace("jwks: keys.json", "unverified: true"))
    result = run("check", str(config))
    assert result.exit_code == 0
    assert f"{config}:5:24: identity[1].jwt.unverified: anybody can write such a token" in result.stderr
