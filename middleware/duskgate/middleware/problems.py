"""Problem details (RFC 9457) for everything the gateway answers itself; HTML where a browser asks."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from html import escape
from typing import Any, assert_never

from duskgate.policy.decision import (
    BadRequest,
    Brownout,
    Decision,
    Forward,
    Frozen,
    Gone,
    Moved,
    NotFound,
    Removed,
    UnknownVersion,
    VersionConflict,
)
from duskgate.policy.instants import rfc3339
from duskgate.policy.lifecycle import Lifecycle
from duskgate.policy.plan import Rule
from duskgate.policy.request import Header, Request
from duskgate.policy.resolvers import weight_of

_NO_STORE: Header = (b"cache-control", b"no-store")

_written = lru_cache(1024)(rfc3339)
"""An instant in words. A plan has few, and refusals may come in floods: each is written once."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem. ``name`` ends its type URI; ``members`` are the extension members."""

    status: int
    name: str
    title: str
    detail: str
    members: Mapping[str, Any] = field(default_factory=dict)
    headers: tuple[Header, ...] = (_NO_STORE,)


def new_reference() -> str:
    """Something short that a caller can quote and the access log can be searched for."""
    return secrets.token_hex(8)


def problem_of(decision: Decision, now: int) -> Problem:
    """The problem that tells the caller of a decision; ``now`` in ms. Forward is none: ValueError."""
    match decision:
        case Gone() | Moved():
            return _switched_off(decision)
        case Frozen():
            return _frozen(decision)
        case Brownout():
            return _brownout(decision, now)
        case Removed():
            return _removed(decision)
        case NotFound():
            return Problem(404, "not-found", "Not found", "No api is served at this path.")
        case UnknownVersion():
            return _unknown(decision)
        case VersionConflict():
            return _conflict(decision)
        case BadRequest():
            return Problem(400, "bad-request", "Bad request", f"{_sentence(decision.reason)}")
        case Forward():
            raise ValueError("a forwarded request is no problem")
        case _:
            assert_never(decision)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "."


def _what(rule: Rule) -> str:
    endpoint = "" if rule.endpoint == "*" else f" {rule.endpoint}"
    return f"{rule.api} {rule.version}{endpoint}"


def _way_forward(lifecycle: Lifecycle, successor: bytes | None) -> dict[str, Any]:
    members: dict[str, Any] = {}
    if successor is not None:
        members["successor"] = successor.decode("latin-1")
        if lifecycle.method is not None:
            members["successor-method"] = lifecycle.method
    if lifecycle.guide is not None:
        members["guide"] = lifecycle.guide
    if lifecycle.contact is not None:
        members["contact"] = lifecycle.contact
    for name in ("deprecated", "sunset", "removed"):
        instant = getattr(lifecycle, name)
        if instant is not None:
            members[name] = _written(instant)
    return members


def _switched_off(decision: Gone | Moved) -> Problem:
    lifecycle = decision.rule.lifecycle
    when = f" on {_written(lifecycle.enforced)}" if lifecycle.enforced is not None else ""
    detail = f"{_what(decision.rule)} was switched off{when}."
    members = _way_forward(lifecycle, decision.successor)
    cache = _cached(decision.max_age)
    if isinstance(decision, Gone):
        return Problem(410, "sunset", "This version has been switched off", detail, members, (cache,))
    detail += f" The same is at {decision.successor.decode('latin-1')}."
    headers = (cache, (b"location", decision.successor))
    return Problem(308, "sunset", "This version has moved", detail, members, headers)


def _cached(age: int) -> Header:
    return (b"cache-control", f"max-age={age}".encode()) if age > 0 else _NO_STORE


def _frozen(decision: Frozen) -> Problem:
    lifecycle = decision.rule.lifecycle
    detail = (
        f"{_what(decision.rule)} is ending and takes no new callers. Whoever called it before still may; "
        f"begin with {lifecycle.successor or 'a newer version'} instead."
    )
    members = _way_forward(lifecycle, decision.successor)
    return Problem(403, "frozen", "This version takes no new callers", detail, members)


def _brownout(decision: Brownout, now: int) -> Problem:
    lifecycle = decision.rule.lifecycle
    until = _written(decision.window.end)
    ends = f" It will be switched off for good on {_written(lifecycle.sunset)}." if lifecycle.sunset else ""
    detail = f"{_what(decision.rule)} is switched off until {until} to show who still needs it.{ends}"
    members = {**_way_forward(lifecycle, decision.successor), "until": until}
    wait = max(1, -(-(decision.window.end - now) // 1000))
    headers = (_NO_STORE, (b"retry-after", str(wait).encode()))
    status = decision.window.status
    return Problem(status, "brownout", "This version is switched off for a while", detail, members, headers)


def _removed(decision: Removed) -> Problem:
    detail = f"{_what(decision.rule)} has been removed."
    members = _way_forward(decision.rule.lifecycle, decision.successor)
    return Problem(404, "removed", "This version has been removed", detail, members)


def _unknown(decision: UnknownVersion) -> Problem:
    known = ", ".join(decision.known)
    if decision.text is None:
        detail = f"The request names no version of {decision.api}. There are: {known}."
    else:
        said = f"{decision.text!r} in the {decision.source}"
        detail = f"{said} is not a version of {decision.api}. There are: {known}."
    members = {"versions": list(decision.known)}
    return Problem(decision.status, "unknown-version", "Unknown version", detail, members)


def _conflict(decision: VersionConflict) -> Problem:
    (where, what), (also_where, also_what) = decision.first, decision.second
    detail = f"The {where} asks for {what}, the {also_where} for {also_what}. Send one, or make them agree."
    members = {"signals": [{"source": where, "version": what}, {"source": also_where, "version": also_what}]}
    return Problem(400, "version-conflict", "Two versions at once", detail, members)


def render(
    problem: Problem, request: Request | None, base: str, reference: str
) -> tuple[int, list[Header], bytes]:
    """Status, headers and body of a problem, as JSON or HTML by the request's ``Accept``."""
    html = request is not None and wants_html(request)
    instance = request.path.decode("latin-1") if request is not None else None
    kind = b"text/html; charset=utf-8" if html else b"application/problem+json"
    body = _html(problem, reference) if html else _json(problem, base, instance, reference)
    headers = [(b"content-type", kind), *problem.headers, (b"vary", b"Accept")]
    return problem.status, headers, body


def _json(problem: Problem, base: str, instance: str | None, reference: str) -> bytes:
    members: dict[str, Any] = {
        "type": base + problem.name,
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
    }
    if instance is not None:
        members["instance"] = instance
    return json.dumps({**members, **problem.members, "reference": reference}).encode()


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title><style>body{{font:1rem/1.5 system-ui,sans-serif;max-width:40rem;margin:4rem auto;
padding:0 1rem}}dt{{font-weight:600}}dd{{margin:0 0 .5rem}}</style></head>
<body><h1>{title}</h1><p>{detail}</p><dl>{rows}</dl></body></html>
"""


def _html(problem: Problem, reference: str) -> bytes:
    rows = "".join(
        f"<dt>{escape(name.capitalize())}</dt><dd>{_shown(value)}</dd>"
        for name, value in {**problem.members, "reference": reference}.items()
    )
    page = _PAGE.format(title=escape(problem.title), detail=escape(problem.detail), rows=rows)
    return page.encode()


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_shown(item) for item in value)
    if isinstance(value, dict):
        return " ".join(f"{escape(str(name))}: {_shown(item)}" for name, item in value.items())
    text = escape(str(value))
    linked = text.startswith(("/", "https://", "http://", "mailto:"))
    return f'<a href="{text}">{text}</a>' if linked else text


def wants_html(request: Request) -> bool:
    """Whether ``Accept`` names HTML and likes it no less than JSON (RFC 9110 section 12.5.1)."""
    accept = b",".join(request.values(b"accept"))
    if b"html" not in accept:
        return False
    html = json_like = 0.0
    for part in accept.split(b","):
        name, weight = part.split(b";", 1)[0].strip(), weight_of(part)
        if name in (b"text/html", b"application/xhtml+xml"):
            html = max(html, weight)
        elif name in (b"application/json", b"application/problem+json"):
            json_like = max(json_like, weight)
    return html > 0 and html >= json_like
