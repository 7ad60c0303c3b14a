"""Which paths the feed may have beside which apis."""

import pytest

from tests.config.world import SMALLEST, errors, read, section


def mistakes(feed: str, api: str) -> list[str]:
    text = f"""
feed: {{path: "{feed}"}}
backends: {{old: {{url: "http://127.0.0.1:9001"}}}}
apis: {{accounts: {{path: "{api}", default: v1, versions: {{v1: {{backend: old}}}}}}}}
"""
    return [error.reason for error in errors(text)]


@pytest.mark.parametrize(
    ("feed", "api"),
    [
        ("/notices", "/notices"),
        ("/notices", "/notices/x"),
        ("/notices", "/notices.json"),
        ("/notices", "/{version}"),
        ("/api", "/api/{version}"),
        ("/api/feed", "/api/{version}"),
        ("/notices", "/{version}/notices"),
        ("/a/notices", "/{version}/a/notices/x"),
        ("/a/notices", "/{version}/notices"),
    ],
)
def test_an_api_may_not_lie_where_the_feed_would_answer(feed: str, api: str) -> None:
    assert mistakes(feed, api) == [f"is the path of the notice feed, {feed}, or lies below it"]


@pytest.mark.parametrize(
    ("feed", "api"),
    [
        ("/notices", "/"),
        ("/notices", "/api"),
        ("/notices", "/noticesx"),
        ("/notices", "/x/notices"),
        ("/api/feed", "/api"),
        ("/api/x/feed", "/api/{version}"),
        ("/.well-known/api-deprecations", "/.well-known"),
        ("/.well-known/api-deprecations", "/{version}"),
    ],
)
def test_the_feed_may_lie_below_an_api_or_beside_it(feed: str, api: str) -> None:
    assert mistakes(feed, api) == []


def test_without_a_section_there_is_a_feed() -> None:
    feed = section("").document.feed
    assert (feed.enabled, feed.path, feed.url) == (True, "/.well-known/api-deprecations", None)


def test_a_feed_that_is_off_is_in_nobodys_way() -> None:
    text = "feed: {enabled: false}\nbackends: {b: {url: 'http://127.0.0.1:9001'}}\n"
    api = "apis: {a: {path: /.well-known/api-deprecations, default: v1, versions: {v1: {backend: b}}}}\n"
    assert not read(text + api).document.feed.enabled
    assert len(errors(text.replace("false", "true") + api)) == 1


@pytest.mark.parametrize(
    ("url", "sound"),
    [
        ("https://api.example.com", True),
        ("http://127.0.0.1:8080", True),
        ("https://[::1]:8443", True),
        ("https://api.example.com/", False),
        ("https://me@api.example.com", False),
        ("https://[::::]", False),
        ("https://[", False),
        ("api.example.com", False),
        ("mailto:api@example.com", False),
    ],
)
def test_its_url_is_a_scheme_and_a_host(url: str, sound: bool) -> None:
    assert (errors(f"feed: {{url: '{url}'}}\n{SMALLEST}") == ()) == sound
