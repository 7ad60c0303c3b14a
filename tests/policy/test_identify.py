"""Who calls: the first configured header that is present, and what may be shown of it."""

import pytest

from duskgate.policy.callers import ByToken
from duskgate.policy.identify import ANONYMOUS, Who, identify
from tests.policy.world import plan_of

IDENTITY = plan_of("""
identity: [{header: X-Api-Key, secret: true}, {header: X-User-Id}]
consumers:
  acme: {match: {X-Api-Key: demo-acme}}
  bob: {match: {X-User-Id: "7"}}
backends: {b: {url: "http://127.0.0.1:1"}}
apis: {a: {path: /, default: v1, versions: {v1: {backend: b}}}}
""").identity

KNOWN = [
    ("by a secret", {b"x-api-key": b"demo-acme"}, "acme"),
    ("by an open value", {b"x-user-id": b"7"}, "bob"),
    ("the first header decides", {b"x-user-id": b"7", b"x-api-key": b"demo-acme"}, "acme"),
    ("an empty header is none", {b"x-user-id": b"7", b"x-api-key": b""}, "bob"),
]


@pytest.mark.parametrize(("fields", "name"), [case[1:] for case in KNOWN], ids=[case[0] for case in KNOWN])
def test_a_known_consumer(fields: dict[bytes, bytes], name: str) -> None:
    who = identify(IDENTITY, fields)
    assert (who.consumer, who.label, who.targeting_key) == (name, name, name)


def test_an_unknown_secret_is_shown_nowhere() -> None:
    who = identify(IDENTITY, {b"x-api-key": b"hunter2-hunter2"})
    assert who.consumer is None
    assert "hunter2" not in f"{who.label} {who.targeting_key}"
    assert who.label == who.targeting_key == identify(IDENTITY, {b"x-api-key": b"hunter2-hunter2"}).label


def test_an_unknown_open_value_is_the_targeting_key_only() -> None:
    who = identify(IDENTITY, {b"x-user-id": b"alice"})
    assert (who.consumer, who.targeting_key) == (None, "alice")
    assert "alice" not in who.label


def test_a_value_under_another_header_is_somebody_else() -> None:
    assert identify(IDENTITY, {b"x-user-id": b"demo-acme"}).consumer is None
    labels = {identify(IDENTITY, {header: b"same"}).label for header in (b"x-user-id", b"x-api-key")}
    assert len(labels) == 2


def test_nobody_in_particular() -> None:
    assert identify(IDENTITY, {b"authorization": b"x"}) == ANONYMOUS


WAYS = plan_of("""
server: {trusted_proxies: [10.0.0.0/8]}
identity:
  - {jwt: {name: staff, unverified: true, header: X-Token, claim: mail}, secret: false}
  - {jwt: {unverified: true}}
  - {client_certificate: {header: X-Forwarded-Client-Cert, field: URI}}
  - {ip: {prefix: 24, prefix6: 48}}
consumers:
  acme: {match: {"jwt:sub": [acme-app, acme-job], client_certificate: "spiffe://acme/api"}}
  staff: {match: {"staff:mail": jane@acme.example}}
  office: {match: {ip: [198.51.100.0/24, "2001:db8:5::/48"]}}
  lobby: {match: {ip: 198.51.100.7}}
backends: {b: {url: "http://127.0.0.1:1"}}
apis: {a: {path: /, default: v1, versions: {v1: {backend: b}}}}
""").identity

XFCC = b"x-forwarded-client-cert"
XFF = b"x-forwarded-for"


def claim(step: ByToken, value: bytes) -> str | None:
    """Stands in for verifying: the token is the claim, unless it is bad."""
    return None if value == b"bad" else value.decode()


def who(peer: str, *headers: tuple[bytes, bytes]) -> Who:
    return identify(WAYS, dict(headers), headers, peer, claim)


STRANGER, PROXY = "192.0.2.1", "10.0.0.1"
NAMED = [
    ("a claim", STRANGER, [(b"authorization", b"acme-app")], "acme"),
    ("another value", STRANGER, [(b"authorization", b"acme-job")], "acme"),
    ("another token's claim", STRANGER, [(b"x-token", b"jane@acme.example")], "staff"),
    ("the same claim of the wrong token", STRANGER, [(b"x-token", b"acme-app")], None),
    ("a bad token leaves it to the next", STRANGER, [(b"x-token", b"bad"), (b"authorization", b"acme-app")],
     "acme"),
    ("a certificate by a proxy", PROXY, [(XFCC, b"URI=spiffe://acme/api")], "acme"),
    ("a certificate by a stranger", STRANGER, [(XFCC, b"URI=spiffe://acme/api")], None),
    ("an address", "198.51.100.9", [], "office"),
    ("the smallest network", "198.51.100.7", [], "lobby"),
    ("through a proxy", PROXY, [(XFF, b"198.51.100.7, 10.0.0.9")], "lobby"),
    ("by a stranger's word", STRANGER, [(XFF, b"198.51.100.7")], None),
    ("IPv6", "2001:db8:5:77::1", [], "office"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("peer", "headers", "name"), [one[1:] for one in NAMED], ids=[one[0] for one in NAMED]
)
def test_the_other_ways(peer: str, headers: list[tuple[bytes, bytes]], name: str | None) -> None:
    assert who(peer, *headers).consumer == name


def test_what_is_no_secret_by_its_kind_is_one_unless_the_yaml_says_otherwise() -> None:
    shown = who(STRANGER, (b"x-token", b"joe@acme.example"))
    assert (shown.targeting_key, "joe" in shown.label) == ("joe@acme.example", False)
    for one in (
        who(STRANGER, (b"authorization", b"hunter2")),
        who(PROXY, (XFCC, b"URI=hunter2")),
        who("203.0.113.2"),
    ):
        assert one.label.startswith("~")
        assert one.targeting_key == one.label


def test_addresses_of_one_network_are_one_caller() -> None:
    assert who("203.0.113.2") == who("203.0.113.200") != who("203.0.114.2")
    assert who("2001:db8:1:2::1") == who("2001:db8:1:3::9") != who("2001:db8:2::1")


def test_who_cannot_be_told_apart() -> None:
    assert who("") == ANONYMOUS
    assert identify(WAYS, {b"authorization": b"acme-app"}) == ANONYMOUS, "nothing here verifies tokens"
