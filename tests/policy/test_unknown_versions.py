"""A version that is not there: 404 where it stands in the URL's path or host, 400 elsewhere."""

import pytest

from duskgate.policy import NotFound, UnknownVersion
from tests.policy.world import ACCOUNTS, ask, expect, one_api, plan_of

PLAN = plan_of(ACCOUNTS)

TABLE = [
    ("path", "/api/v9/users", [], "path", "v9", 404),
    ("path in capitals", "/api/V1/users", [], "path", "V1", 404),
    ("header", "/api/users", [("Api-Version", "v9")], "header Api-Version", "v9", 400),
    ("empty header", "/api/users", [("Api-Version", "")], "header Api-Version", "", 400),
    ("two in one line", "/api", [("Api-Version", "v1, v2")], "header Api-Version", "v1, v2", 400),
    (
        "one of two lines",
        "/api",
        [("Api-Version", "v9"), ("Api-Version", "v2")],
        "header Api-Version",
        "v9",
        400,
    ),
    ("media type", "/api", [("Accept", "application/vnd.acme.v9+json")], "media type in Accept", "v9", 400),
    ("query", "/api/users?api-version=v9", [], "query api-version", "v9", 400),
    ("empty query", "/api/users?api-version=", [], "query api-version", "", 400),
    ("host", "/api/users", [("Host", "v9.api.example.com")], "host", "v9", 404),
    ("beside a known one", "/api/v1/users", [("Api-Version", "v9")], "header Api-Version", "v9", 400),
]


@pytest.mark.parametrize(
    ("target", "headers", "source", "text", "status"), [case[1:] for case in TABLE], ids=[c[0] for c in TABLE]
)
def test_lists_the_known_ones(
    target: str, headers: list[tuple[str, str]], source: str, text: str, status: int
) -> None:
    refused = expect(UnknownVersion, ask(PLAN, target, headers))
    assert refused == UnknownVersion("accounts", source, text, ("v1", "v2", "v3"), status)


def test_a_long_text_is_told_shortened() -> None:
    refused = expect(UnknownVersion, ask(PLAN, "/api", [("Api-Version", "x" * 5_000)]))
    assert refused.text == "x" * 64


@pytest.mark.parametrize(
    ("resolve", "status"), [("[{header: Api-Version}]", 400), ("[path]", 404)], ids=["header", "path"]
)
def test_no_version_and_no_default(resolve: str, status: int) -> None:
    path = "'/api/{version}'" if resolve == "[path]" else "/api"
    plan = one_api(f"{{path: {path}, resolve: {resolve}, versions: {{v1: {{backend: old}}}}}}")
    refused = expect(UnknownVersion, ask(plan, "/api/users"))
    assert refused == UnknownVersion("accounts", "request", None, ("v1",), status)


@pytest.mark.parametrize("target", ["/", "/ap", "/apis/v1", "/v1/users", "/API/v1"])
def test_no_api_at_the_path(target: str) -> None:
    expect(NotFound, ask(PLAN, target))
