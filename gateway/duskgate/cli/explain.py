"""``duskgate explain``: what would happen to a request, and why."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import click

from duskgate.cli.common import NO, config_argument, fail, load_or_fail, moment, one_line, plan_in_force
from duskgate.config import Loaded
from duskgate.feed.forms import below
from duskgate.flags import GatewayFlags
from duskgate.flags.overrides import OVERRIDE
from duskgate.middleware.clock import system_clock
from duskgate.policy.addresses import parsed
from duskgate.policy.attributes import flag_attributes
from duskgate.policy.callers import ByToken
from duskgate.policy.decide import flags_for
from duskgate.policy.decision import Forward
from duskgate.policy.explain import Step
from duskgate.policy.explain import explain as explained
from duskgate.policy.explain_caller import explain_caller
from duskgate.policy.identify import Who, no_claim, reads_tokens
from duskgate.policy.instants import rfc3339
from duskgate.policy.plan import Identity
from duskgate.policy.request import Request, request
from duskgate.policy.route import Route, route

FLAGS_SECONDS = 5.0
"""How long a provider of flags that is elsewhere may take here."""


@click.command()
@click.argument("method")
@click.argument("url")
@config_argument
@click.option("-H", "--header", "headers", multiple=True, metavar="'NAME: VALUE'", help="A request header.")
@click.option("--peer", metavar="ADDRESS", default="", help="The address that the request comes from.")
@click.option("--at", metavar="TIME", help="The moment to ask about: 2027-01-01 or 2027-01-01T00:00:00Z.")
@click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")
def explain(
    method: str,
    url: str,
    config: Path,
    headers: tuple[str, ...],
    peer: str,
    at: str | None,
    as_json: bool,
) -> None:
    """Say what happens to METHOD URL and why, rule by rule. Exit status 1: it would not be forwarded."""
    loaded = load_or_fail(config)
    asked = _request(method, url, headers, peer)
    who, naming = _named(loaded.plan.identity, asked)
    asked = asked._replace(consumer=who.consumer, caller=who.label, key=who.key)
    values, because = _flags(loaded, asked, who)
    plan = plan_in_force(loaded)
    now = system_clock() if at is None else moment("--at", at)
    decision, steps = explained(plan, asked, values, now, because)
    forwarded, name = isinstance(decision, Forward), type(decision).__name__
    feed = loaded.document.feed
    if feed.enabled and below(feed.path, asked.path) is not None:
        forwarded, name, steps = False, "Feed", [Step("feed", "answered by the notice feed")]
    steps = [*naming, *steps]
    if as_json:
        answer = {
            "decision": name,
            "at": rfc3339(now),
            "caller": who.label,
            "steps": [step._asdict() for step in steps],
        }
        click.echo(json.dumps(answer, indent=2))
    else:
        click.echo(f"{'caller':<22}{who.label}")
        for step in steps:
            click.echo(f"{step.rule:<22}{one_line(step.found)}")
    sys.exit(0 if forwarded else NO)


def _named(identity: Identity, asked: Request) -> tuple[Who, list[Step]]:
    """The caller. Tokens are verified by the keys in files; no URL is asked for any."""
    if not reads_tokens(identity):
        return explain_caller(identity, asked, no_claim, lambda step: "")
    from duskgate.tokens import Tokens

    found = _Reasons()
    tokens = Tokens(identity, found, network=False)
    return explain_caller(identity, asked, tokens.claim, found.why)


class _Reasons:
    """Hears why tokens name nobody."""

    def __init__(self) -> None:
        self._last: dict[str, str] = {}

    def refused(self, way: str, reason: str) -> None:
        self._last[way] = reason

    def loaded(self, way: str, good: bool, keys: int) -> None: ...

    def why(self, step: ByToken) -> str:
        """What was wrong with the last token of a step."""
        reason = self._last.get(step.tag.decode())
        if reason == "no-keys" and step.jwks is not None:
            return f"it cannot be verified here: explain does not ask {step.jwks} for keys"
        return f"it is refused ({reason})" if reason is not None else "it is no bearer token"


def _flags(loaded: Loaded, asked: Request, who: Who) -> tuple[Mapping[str, bool], Mapping[str, str]]:
    """The flags as the gateway would evaluate them for this request, and why each is what it is."""
    bound = route(loaded.plan, asked)
    names = flags_for(bound) if isinstance(bound, Route) else ()
    if not names or not isinstance(bound, Route):
        return {}, {}
    attributes = partial(flag_attributes, loaded.plan, bound, asked)
    because: dict[str, str] = {}

    def told(flag: str, variant: str) -> None:
        because[flag] = _reason(variant, who)

    async def values() -> Mapping[str, bool]:
        flags = GatewayFlags.open(loaded, lambda up: None, deadline=FLAGS_SECONDS)
        if flags is None:
            return {}
        if flags.overrides.fault is not None:
            fail(flags.overrides.fault)
        await flags.ready(FLAGS_SECONDS)
        found = flags.evaluate(names, who, attributes, told)
        return found if isinstance(found, dict) else await found

    return asyncio.run(values()), because


def _reason(variant: str, who: Who) -> str:
    if variant in OVERRIDE.values():
        return f"flipped for {who.targeting_key} by an override"
    kind, _, error = variant.partition(":")
    return f"it could not be evaluated: {error}" if kind == "error" and error else f"variant {variant}"


def _request(method: str, url: str, headers: tuple[str, ...], peer: str) -> Request:
    if peer and parsed(peer) is None:
        fail(f"--peer: {peer!r} is not an address")
    lines = []
    for header in headers:
        name, colon, value = header.partition(":")
        if not colon or not name.strip():
            fail(f"-H: {header!r} is not written as 'Name: value'")
        lines.append((name.strip(), value.strip()))
    try:
        parts = urlsplit(url)
    except ValueError as error:
        fail(f"{url!r} is not a URL: {error}")
    if parts.netloc and not any(name.lower() == "host" for name, _ in lines):
        lines.append(("Host", parts.netloc))
    target = url if not parts.netloc else (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return request(method, target, lines, peer)
