"""Compiling the Plan's parts: everything that can be worked out before the first request is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from duskgate.policy.lifecycle import Lifecycle
from duskgate.policy.marks import Marks, mark
from duskgate.policy.plan import Api, Routes, Rule, SuccessorPath
from duskgate.policy.resolvers import Explicit, FlagResolver, HeaderResolver, MediaTypeResolver
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
    successor_path: SuccessorPath | None = None,
) -> Rule:
    """Compile a rule. ``vary``: headers that choose versions; ``callers``: headers that name the caller."""
    everyone = tuple(vary) if not lifecycle.grace else tuple(dict.fromkeys((*vary, *callers)))
    flagged = tuple(dict.fromkeys((*vary, *callers)))

    def pair(told: bool, sunset: int | None = None, no_store: bool = False) -> tuple[Marks, Marks]:
        plain = mark(lifecycle, told=told, vary=everyone, no_store=no_store, sunset=sunset)
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
        successor_path=successor_path,
    )


def make_routes(apis: Iterable[Api]) -> Routes:
    """Index apis by path. An api with a version in its path is found with and without that segment."""
    table: dict[tuple[bytes | None, ...], Api] = {}
    bare_forms: dict[tuple[bytes | None, ...], Api] = {}
    for api in apis:
        table[api.path] = api
        bare = tuple(segment for segment in api.path if segment is not None)
        if None in api.path:
            bare_forms.setdefault(bare, api)
    table = {**bare_forms, **table}
    indexes = {path.index(None) for path in table if None in path}
    return Routes(MappingProxyType(table), max(map(len, table), default=0), tuple(sorted(indexes)))


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


def make_successor_path(template: str, source: str) -> SuccessorPath:
    """Compile the successor's path template against the endpoint's own, which names the parameters.

    Raises TemplateError for a parameter that the endpoint's template does not have.
    """
    known = {part[1:-1]: at for at, part in enumerate(part for part in source.split("/") if part)}
    for name in parameter_names(template):
        if name not in parameter_names(source):
            raise TemplateError(f"{{{name}}} is not a parameter of {source}")
    parts = [part for part in template.split("/") if part]
    return SuccessorPath(
        tuple(known[part[1:-1]] if part.startswith("{") else part.encode() for part in parts)
    )


def flag_names(api_flags: Iterable[FlagResolver], rollout_flag: str | None) -> tuple[str, ...]:
    """The flags to evaluate for a caller of an api who names no version, each once."""
    names = [resolver.flag for resolver in api_flags]
    return tuple(dict.fromkeys([*names, *([rollout_flag] if rollout_flag else [])]))
