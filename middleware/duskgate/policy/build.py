"""Compiling the Plan's parts: everything that can be worked out before the first request is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from urllib.parse import quote

from duskgate.policy.lifecycle import Lifecycle
from duskgate.policy.marks import Marks, mark
from duskgate.policy.plan import Api, Routes, Rule, Successor
from duskgate.policy.resolvers import (
    Explicit,
    FlagResolver,
    HeaderResolver,
    HostResolver,
    MediaTypeResolver,
    QueryResolver,
)
from duskgate.policy.shadow import Shadow
from duskgate.policy.trie import TemplateError, parameter_names


def vary_on(resolvers: Iterable[Explicit]) -> tuple[str, ...]:
    """The request headers that take part in choosing a version; host and URL are not ones to vary on."""
    names = []
    for resolver in resolvers:
        if isinstance(resolver, HeaderResolver):
            names.append(resolver.name)
        elif isinstance(resolver, MediaTypeResolver):
            names.append("Accept")
    return tuple(dict.fromkeys(names))


def make_rule(
    api: str,
    version: str,
    endpoint: str,
    backend: str,
    lifecycle: Lifecycle,
    *,
    rewrite: bytes | None = None,
    vary: Sequence[str] = (),
    callers: Sequence[str] = (),
    told_flags: Sequence[str] = (),
    unseen: bool = False,
    successor: Successor | None = None,
    methods: Sequence[str] = (),
    shadow: Shadow | None = None,
    elsewhere: tuple[bytes | int, ...] | None = None,
    routing: Sequence[str] = (),
    hidden: frozenset[bytes] = frozenset(),
) -> Rule:
    """Compile a rule.

    ``vary``: headers that choose versions; ``callers``: headers that name the caller; ``told_flags``: headers
    that flags are told of. ``unseen``: callers are named by what is in no header of theirs, so that a shared
    cache cannot tell them apart where it matters.
    """
    everyone = tuple(vary) if not lifecycle.personal else tuple(dict.fromkeys((*vary, *callers)))
    flagged = tuple(dict.fromkeys((*vary, *callers, *told_flags, *routing)))

    def pair(told: bool, sunset: int | None = None, no_store: bool = False) -> tuple[Marks, Marks]:
        apart = unseen and lifecycle.personal
        plain = mark(lifecycle, told=told, vary=everyone, private=apart, no_store=no_store, sunset=sunset)
        return plain, mark(lifecycle, told=told, vary=flagged, private=True, no_store=no_store, sunset=sunset)

    graced = {name: pair(True, grace.until, True) for name, grace in lifecycle.grace.items()}
    return Rule(
        api=api,
        version=version,
        endpoint=endpoint,
        backend=backend,
        rewrite=rewrite,
        lifecycle=lifecycle,
        untold=pair(False),
        told=pair(True),
        graced=MappingProxyType(graced),
        successor=successor,
        ends=lifecycle.ends,
        vary=tuple(vary),
        callers=tuple(callers),
        told_flags=tuple(told_flags),
        unseen=unseen,
        methods=tuple(methods),
        shadow=shadow,
        elsewhere=elsewhere,
        routing=tuple(routing),
        hidden=hidden,
    )


def with_lifecycle(rule: Rule, lifecycle: Lifecycle) -> Rule:
    """The same rule with another lifecycle."""
    return make_rule(
        rule.api,
        rule.version,
        rule.endpoint,
        rule.backend,
        lifecycle,
        rewrite=rule.rewrite,
        vary=rule.vary,
        callers=rule.callers,
        told_flags=rule.told_flags,
        unseen=rule.unseen,
        successor=rule.successor,
        methods=rule.methods,
        shadow=rule.shadow,
        elsewhere=rule.elsewhere,
        routing=rule.routing,
        hidden=rule.hidden,
    )


def make_routes(apis: Iterable[Api]) -> Routes:
    """Index apis by path. An api with a version in its path is found with and without that segment."""
    routes = Routes()
    known = list(apis)
    for api in known:
        routes.add(api.path, api)
    for api in known:
        routes.add(tuple(segment for segment in api.path if segment is not None), api)
    return routes


def version_texts(names: Iterable[str]) -> Mapping[bytes, str]:
    """How a request may spell each version: as written, or in lower case (host names have no other)."""
    texts = {name.lower().encode(): name for name in names}
    texts.update({name.encode(): name for name in names})
    return MappingProxyType(texts)


def version_shape(names: Iterable[str]) -> re.Pattern[bytes]:
    """A pattern for what looks like one of these versions: the same but for the numbers in it.

    ``/api/v9`` is then an unknown version of an api with ``v1`` and ``v2``, and ``/api/users`` is none.
    """
    shapes = {re.sub(r"\d+", r"\\d+", re.escape(name)) for name in names}
    return re.compile("|".join(sorted(shapes)).encode() or b"(?!)", re.IGNORECASE)


def make_successor(
    path: tuple[bytes | None, ...],
    resolvers: Iterable[Explicit],
    version: str,
    parts: tuple[bytes | int, ...] | None = None,
) -> Successor | None:
    """Compile where the next version has its resources; ``None`` if only a header could name it."""
    name = quote(version, safe="").encode()
    head = b"".join(b"/" + (name if segment is None else segment) for segment in path)
    host = query = None
    for resolver in resolvers:
        if isinstance(resolver, HostResolver):
            host = resolver.before, name, resolver.after
        elif isinstance(resolver, QueryResolver):
            query = resolver.name.encode(), name
    if None not in path and host is None and query is None:
        return None
    return Successor(head, None in path, host, query, parts)


def make_successor_parts(template: str, source: str) -> tuple[bytes | int, ...]:
    """Compile the successor's path template against the endpoint's own, which names the parameters.

    Raises TemplateError for a parameter that the endpoint's template does not have.
    """
    segments = [part for part in source.split("/") if part]
    known = {part[1:-1]: at for at, part in enumerate(segments) if part.startswith("{")}
    for name in parameter_names(template):
        if name not in parameter_names(source):
            raise TemplateError(f"{{{name}}} is not a parameter of {source}")
    parts = [part for part in template.split("/") if part]
    return tuple(known[part[1:-1]] if part.startswith("{") else part.encode() for part in parts)


def flag_names(api_flags: Iterable[FlagResolver], rollout_flag: str | None) -> tuple[str, ...]:
    """The flags to evaluate for a caller of an api who names no version, each once."""
    names = [resolver.flag for resolver in api_flags]
    return tuple(dict.fromkeys([*names, *([rollout_flag] if rollout_flag else [])]))
