"""Two signals that disagree are refused, and both are named."""

import pytest

from duskgate.policy import VersionConflict
from tests.policy.world import ACCOUNTS, ask, expect, plan_of

PLAN = plan_of(ACCOUNTS)
HEADER = ("Api-Version", "v2")
ACCEPT = ("Accept", "application/vnd.acme.v2+json")
HOST = ("Host", "v2.api.example.com")
IN_HEADER = ("header Api-Version", "v2")
IN_ACCEPT = ("media type in Accept", "v2")
IN_QUERY = ("query api-version", "v2")

TABLE = [
    ("path and header", "/api/v1/users", [HEADER], ("path", "v1"), IN_HEADER),
    ("path and media type", "/api/v1/users", [ACCEPT], ("path", "v1"), IN_ACCEPT),
    ("path and query", "/api/v1/users?api-version=v2", [], ("path", "v1"), IN_QUERY),
    ("path and host", "/api/v1/users", [HOST], ("path", "v1"), ("host", "v2")),
    ("header and query", "/api/users?api-version=v3", [HEADER], IN_HEADER, ("query api-version", "v3")),
    ("header on two lines", "/api", [HEADER, ("Api-Version", "v1")], IN_HEADER, ("header Api-Version", "v1")),
    ("query twice", "/api?api-version=v2&api-version=v1", [], IN_QUERY, ("query api-version", "v1")),
    ("the first two of three", "/api/v3", [HEADER, HOST], ("path", "v3"), IN_HEADER),
]


@pytest.mark.parametrize(
    ("target", "headers", "first", "second"), [case[1:] for case in TABLE], ids=[case[0] for case in TABLE]
)
def test_conflict_names_both(
    target: str, headers: list[tuple[str, str]], first: tuple[str, str], second: tuple[str, str]
) -> None:
    refused = expect(VersionConflict, ask(PLAN, target, headers))
    assert (refused.api, refused.first, refused.second) == ("accounts", first, second)


def test_flags_do_not_conflict_with_a_named_version() -> None:
    decision = ask(PLAN, "/api/v1/users", flags={"use-v2-api": True, "move-to-v2": True})
    assert not isinstance(decision, VersionConflict)
