"""The feed's room: which requests are its own, how they are answered, what may be cached."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest

from duskgate.feed import feed as feed_module
from duskgate.feed.edition import Edition
from duskgate.feed.forms import Form
from duskgate.feed.memory import EMPTY, advanced
from duskgate.middleware.rehearsal import signed
from tests.feed.world import PATH, SAMPLE, TOLD, Gateway, held, loaded
from tests.policy.world import ms

TYPES = {
    ".json": "application/json",
    ".html": "text/html; charset=utf-8",
    ".atom": "application/atom+xml; charset=utf-8",
    ".ics": "text/calendar; charset=utf-8",
}
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


# which form


@pytest.mark.parametrize(("suffix", "kind"), TYPES.items())
def test_a_suffix_names_the_form_whatever_is_accepted(suffix: str, kind: str) -> None:
    answer = Gateway().get(suffix, Accept=BROWSER)
    assert (answer.status_code, answer.headers["content-type"]) == (200, kind)
    assert "vary" not in answer.headers


@pytest.mark.parametrize(
    ("accept", "suffix"),
    [
        ("*/*", ".json"),
        ("", ".json"),
        (BROWSER, ".html"),
        ("application/json", ".json"),
        ("application/json, text/html;q=0.9", ".json"),
        ("text/html, application/json", ".html"),
        ("text/html;q=0", ".json"),
        ("application/atom+xml, text/html;q=0.5", ".atom"),
        ("TEXT/Calendar", ".ics"),
        ("image/png", ".json"),
        ("text/html;q=none", ".json"),
    ],
)
def test_without_a_suffix_what_is_accepted_names_it(accept: str, suffix: str) -> None:
    answer = Gateway().get(Accept=accept)
    assert (answer.status_code, answer.headers["content-type"]) == (200, TYPES[suffix])
    assert answer.headers["vary"] == "Accept"


@pytest.mark.parametrize(
    "suffix",
    [".xml", ".json.json", ".", "/", "/me.atom", "/me.ics", "/me/", "/you", "/me.html/x", ".JSON", "/.json"],
)
def test_what_there_is_not_is_not_found_and_what_there_is_is_named(suffix: str) -> None:
    gateway = Gateway()
    answer = gateway.get(suffix, **{"X-User-Id": "somebody"})
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:duskgate:problem:not-found")
    assert f"{PATH}.ics" in answer.json()["detail"]
    assert answer.json()["instance"] == PATH + suffix
    assert gateway.outcomes == ["feed"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"])
@pytest.mark.parametrize("suffix", ["", ".ics", "/me"])
def test_it_can_only_be_read(method: str, suffix: str) -> None:
    answer = Gateway().get(suffix, method)
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")
    assert answer.json()["type"] == "urn:duskgate:problem:method-not-allowed"


@pytest.mark.parametrize("suffix", ["", *TYPES, "/me", ".xml"])
def test_head_says_what_get_would(suffix: str) -> None:
    gateway = Gateway()
    who = {"X-User-Id": "somebody"}
    get, head = gateway.get(suffix, **who), gateway.get(suffix, "HEAD", **who)
    assert (head.status_code, head.headers) == (get.status_code, get.headers)
    assert head.content == b""
    assert int(head.headers["content-length"]) == len(get.content)


# whose request


ELSEWHERE = SAMPLE.replace("path: /plans", "path: /.well-known")


@pytest.mark.parametrize(
    "path",
    [
        "/.well-known/api-deprecationsfoo",
        "/.well-known/api-deprecations-v2.json",
        "/.well-known/api",
        "/.well-known/other/api-deprecations",
        "/.well-known",
        "/.well-known/api-deprecations%2Ejson-ld",
    ],
)
def test_requests_beside_it_are_for_the_apis(path: str) -> None:
    gateway = Gateway(ELSEWHERE)
    answer = gateway.ask(path)
    assert gateway.outcomes == ["internal-error"], "forwarded, to a backend that this test does not have"
    assert answer.status_code == 500


def test_an_api_above_it_keeps_everything_else() -> None:
    gateway = Gateway(SAMPLE.replace("path: /plans", "path: /"))
    assert gateway.get().status_code == 200
    gateway.ask("/anything")
    assert gateway.outcomes == ["feed", "internal-error"]


def test_answers_under_a_rule_do_not_change_because_there_is_a_feed() -> None:
    with_feed, without = Gateway(), Gateway(SAMPLE + "feed: {enabled: false}\n")
    for path in ("/api/v1/x", "/api/v9/x", "/nowhere"):
        one, other = with_feed.ask(path), without.ask(path)
        assert (one.status_code, one.headers) == (other.status_code, other.headers)


def test_a_broken_request_is_refused_before_the_feed_sees_it() -> None:
    answer = Gateway().get("", Host="two hosts")
    assert (answer.status_code, answer.json()["type"]) == (400, "urn:duskgate:problem:bad-request")


def test_a_websocket_is_refused() -> None:
    sent: list[MutableMapping[str, Any]] = []

    async def ask() -> None:
        scope = {
            "type": "websocket",
            "path": PATH,
            "raw_path": PATH.encode(),
            "query_string": b"",
            "headers": [(b"host", b"gateway.example")],
            "http_version": "1.1",
            "extensions": {"websocket.http.response": {}},
        }

        async def send(message: MutableMapping[str, Any]) -> None:
            sent.append(message)

        await Gateway().app(scope, _nothing, send)

    asyncio.run(ask())
    assert [message["type"] for message in sent] == [
        "websocket.http.response.start",
        "websocket.http.response.body",
    ]
    assert sent[0]["status"] == 404


async def _nothing() -> MutableMapping[str, Any]:
    raise AssertionError("the feed reads no message")


# caching


@pytest.mark.parametrize("suffix", ["", *TYPES])
def test_a_document_that_did_not_change_is_not_sent_again(suffix: str) -> None:
    gateway = Gateway()
    first = gateway.get(suffix)
    tag = first.headers["etag"]
    for given in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = gateway.get(suffix, **{"If-None-Match": given})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == tag
        assert again.headers["cache-control"] == first.headers["cache-control"]
        assert again.headers.get("vary") == first.headers.get("vary")
        assert "content-length" not in again.headers
    assert gateway.get(suffix, **{"If-None-Match": '"other"'}).status_code == 200


@pytest.mark.parametrize("suffix", TYPES)
def test_a_tag_changes_with_what_is_said_and_with_nothing_else(suffix: str) -> None:
    tag = Gateway().get(suffix).headers["etag"]
    assert Gateway(at="2026-10-20").get(suffix).headers["etag"] == tag, "another moment of the same phase"
    phase_is_said = suffix != ".ics"
    assert (Gateway(at="2027-04-02").get(suffix).headers["etag"] != tag) == phase_is_said
    other = Gateway(SAMPLE.replace("removed: 2027-04-01", "removed: 2027-04-02"))
    assert other.get(suffix).headers["etag"] != tag


@pytest.mark.parametrize(
    ("at", "kept"),
    [
        ("2026-10-05", "public, max-age=300"),
        ("2026-12-31T23:57:00", "public, max-age=180"),
        ("2026-12-31T23:59:59.500", "no-cache"),
        ("2028-01-01", "public, max-age=300"),
    ],
)
def test_it_is_kept_no_longer_than_it_is_true(at: str, kept: str) -> None:
    assert Gateway(at=at).get().headers["cache-control"] == kept


def test_a_document_is_made_once_for_all_who_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[object] = []
    of, rendered = Edition.of, feed_module._rendered

    def noted_edition(*given: Any) -> Edition:
        made.append("edition")
        return of(*given)

    def noted_form(one: Edition, form: Form) -> bytes:
        made.append(form)
        return rendered(one, form)

    monkeypatch.setattr(Edition, "of", noted_edition)
    monkeypatch.setattr(feed_module, "_rendered", noted_form)
    gateway = Gateway()
    answers = gateway.together(*[("GET", PATH, {})] * 20)
    assert {answer.status_code for answer in answers} == {200}
    gateway.at = "2026-11-30"
    gateway.get()
    gateway.get(".ics")
    assert made == ["edition", Form.JSON, Form.ICALENDAR]
    gateway.at = "2026-12-01T15:00"  # a brownout is over
    gateway.get()
    gateway.plan = held()
    gateway.get()
    gateway.memory = EMPTY
    gateway.get()
    gateway.at = TOLD  # the clock was put back
    gateway.get()
    assert made[3:] == ["edition", Form.JSON] * 4


def test_a_failure_to_make_it_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    gateway = Gateway()
    with monkeypatch.context() as patched:
        patched.setattr(feed_module, "_rendered", lambda one, form: 1 // 0)
        assert gateway.get().status_code == 500
        patched.setattr(Edition, "of", lambda *given: 1 // 0)
        gateway.plan = held()
        assert gateway.get().status_code == 500
    assert gateway.get().status_code == 200
    assert gateway.outcomes == ["internal-error", "internal-error", "feed"]


def test_it_follows_the_memory() -> None:
    gateway = Gateway()
    endings = [told.ending for told in Edition.of(gateway_settings(), gateway.plan, None, ms(TOLD)).told]
    assert "SEQUENCE:1" not in gateway.get(".ics").text
    memory = advanced(EMPTY, endings, ms(TOLD))
    earlier = memory.dates["sunset of accounts/v1"]._replace(at=ms("2026-12-31"), sequence=4)
    gateway.memory = memory._replace(dates={**memory.dates, "sunset of accounts/v1": earlier})
    assert "SEQUENCE:5" in gateway.get(".ics").text, "the worker foresees what the keeper will write"


def gateway_settings() -> Any:
    return loaded().document.feed


# rehearsals


def test_whoever_may_rehearse_sees_the_feed_of_that_moment_and_nobody_else_does() -> None:
    gateway = Gateway(rehearsal_key=b"k")
    asked = {"Duskgate-At": signed(b"k", ms("2027-05-01"), ms("2026-11-01"))}
    answer = gateway.get(".json", **asked)
    assert {one["phase"] for one in answer.json()["endings"]} == {"removed"}
    assert answer.headers["cache-control"] == "no-store"
    assert {one["phase"] for one in gateway.get(".json").json()["endings"]} == {"deprecated"}
    mine = gateway.get("/me", **asked, **{"X-User-Id": "somebody"}).json()
    assert mine["at"] == "2027-05-01T00:00:00Z"
    assert gateway.outcomes == ["rehearsed", "feed", "rehearsed"]
    forged = gateway.get(".json", **{"Duskgate-At": signed(b"other", ms("2027-05-01"), ms("2026-11-01"))})
    assert {one["phase"] for one in forged.json()["endings"]} == {"deprecated"}
