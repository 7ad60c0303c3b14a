"""Who calls: the first configured header that is present, and what may be shown of it."""

import pytest

from duskgate.policy.identify import ANONYMOUS, identify
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
