"""The pages, through a parser: what they say, and that they load nothing."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from html.parser import HTMLParser

import pytest

from tests.feed.world import PATH, SAMPLE, Gateway

VOID = frozenset(("meta", "br", "hr", "img", "link", "input"))


class Page(HTMLParser):
    """Elements, links and texts of a page. It must be well nested."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str, str]] = []
        self.texts: list[tuple[str, str]] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if data.strip() and self.open:
            self.texts.append((self.open[-1], " ".join(data.split())))

    def links(self) -> list[str]:
        return [value for tag, name, value in self.attributes if (tag, name) == ("a", "href")]

    def of(self, tag: str) -> list[str]:
        return [text for where, text in self.texts if where == tag]


def page(gateway: Gateway, suffix: str = ".html", **headers: str) -> Page:
    answer = gateway.get(suffix, **headers)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    return Page(answer.text)


def test_it_says_what_ends_and_when() -> None:
    found = page(Gateway())
    assert found.of("h1") == found.of("title") == ["API deprecations"]
    assert found.of("h2") == [
        "accounts v1",
        "accounts v1 DELETE, GET /users/{id}/avatar",
        "accounts v1 PUT /users/{id}/avatar",
    ]
    assert found.of("small") == ["deprecated"] * 3
    times = [value for tag, name, value in found.attributes if (tag, name) == ("time", "datetime")]
    assert times[:9] == [
        "2026-09-01T00:00:00Z",
        "2026-10-01T00:00:00Z",
        "2027-01-01T00:00:00Z",
        "2027-01-04T00:00:00Z",
        "2027-04-01T00:00:00Z",
        "2026-12-01T14:00:00Z",
        "2026-12-01T15:00:00Z",
        "2026-12-08T14:00:00Z",
        "2026-12-08T16:00:00Z",
    ]
    assert found.of("time")[2] == "1 Jan 2027 00:00"
    assert ", for a part of the callers" in found.of("dd")
    assert set(found.links()) == {
        f"{PATH}.json",
        f"{PATH}.atom",
        f"{PATH}.ics",
        f"{PATH}/me.html",
        "https://docs.example.com/migrate-to-v2",
        "mailto:api@example.com",
    }


def test_it_links_to_no_page_of_ones_own_where_callers_cannot_be_told_apart() -> None:
    text = "backends: {b: {url: 'http://127.0.0.1:1'}}\n" + (
        "apis: {a: {path: /a, default: v1, versions: {v1: {backend: b, lifecycle: {sunset: 2027-01-01}}}}}\n"
    )
    assert f"{PATH}/me.html" not in page(Gateway(text)).links()


@pytest.mark.parametrize("suffix", [".html", "/me.html"])
def test_it_loads_nothing_and_runs_nothing(suffix: str) -> None:
    answer = Gateway().get(suffix, **{"X-User-Id": "somebody"})
    found = Page(answer.text)
    assert not found.tags & {"script", "link", "img", "iframe", "object", "embed", "form", "base"}
    assert {name for _, name, _ in found.attributes} <= {
        *("lang", "charset", "name", "content", "datetime", "href")
    }
    style = re.search(r"<style>(.*?)</style>", answer.text, re.DOTALL)
    assert style is not None
    digest = b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert "url(" not in style[1]
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))
    assert policy == {
        "default-src": "'none'",
        "style-src": f"'sha256-{digest}'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"


def test_what_the_yaml_holds_is_escaped() -> None:
    text = (
        SAMPLE.replace("/users/{id}/avatar", "/a<script>&'d") + "feed: {title: '<script>alert(1)</script>'}\n"
    )
    found = page(Gateway(text.replace('"/pictures/{id}"', "/p")))
    assert "script" not in found.tags
    assert found.of("h1") == ["<script>alert(1)</script>"]
    assert "accounts v1 PUT /a<script>&'d" in found.of("h2")


def test_a_callers_own_page() -> None:
    found = page(Gateway(), "/me.html", **{"X-Api-Key": "key-of-acme"})
    assert found.of("strong") == ["acme"]
    assert "Use is not recorded here." in found.of("p")
    assert "1 Feb 2027 00:00" in found.of("time")
    assert "You have until the sunset below; others do not." in found.of("dd")
    assert ", you are spared" in found.of("dd")
    assert f"{PATH}.html" in found.links()
