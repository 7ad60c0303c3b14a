"""What the models cannot see: names that point nowhere, orders that cannot be, rules that contradict."""

from __future__ import annotations

import os
import ssl
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from duskgate.config import dates, guards, identity, inherit, models, providers, rollouts
from duskgate.config.mistake import Mistake
from duskgate.config.tree import Path as Place
from duskgate.config.tree import suggest
from duskgate.policy.build import make_successor_parts
from duskgate.policy.trie import TemplateError, Trie, parse_template


@dataclass(frozen=True)
class Finding:
    """A mistake and the place of the document that it is about."""

    path: Place
    reason: str
    hint: str = ""


def findings(
    document: models.Document, flags: Collection[str] | None, folder: Path, *, standalone: bool = False
) -> Iterator[Finding]:
    """Every mistake across sections. ``folder`` is where relative paths start.

    ``flags`` are the flags that exist, ``None`` if that cannot be known here. A ``standalone`` document is
    for the middleware inside an application, which needs no backends.
    """
    yield from _ports(document)
    yield from _identity(document, folder)
    yield from _rings(document)
    yield from _tls(document, folder)
    if document.flags is not None:
        yield from _flags(document.flags, document.identity)
    if document.feed.enabled and not standalone:
        yield from _feed(document)
    for name, lifecycle in document.lifecycles.items():
        if lifecycle.use is not None:
            yield Finding(("lifecycles", name, "use"), "a named lifecycle uses no other one")
    yield from _ledger(document)
    seen: dict[tuple[str | None, ...], str] = {}
    for name, api in document.apis.items():
        at: Place = ("apis", name)
        yield from _nameless(name, at)
        shape = tuple(None if part == "{version}" else part for part in api.segments)
        if shape in seen:
            yield Finding((*at, "path"), f"is also the path of the api {seen[shape]}")
        seen.setdefault(shape, name)
        yield from _path(api, at)
        yield from _resolve(api, at, flags)
        yield from _api_lifecycle(document, api, (*at, "lifecycle"))
        for version_name, version in api.versions.items():
            place: Place = (*at, "versions", version_name)
            yield from _nameless(version_name, place)
            if not standalone or version.backend is not None:
                yield from _backend(document, version, place)
            yield from _rollout(document, api, version_name, (*place, "rollout"), flags)
            yield from _shadow(api, version_name, version.shadow, (*place, "shadow"))
            above = inherit.above_version(document, api, version_name)
            spot: Place = (*place, "lifecycle")
            yield from _lifecycle(document, api, version.lifecycle, above, spot, version_name)
        yield from _successors(document, api, at)
        yield from _endpoints(document, api, at)


def _nameless(name: str, at: Place) -> Iterator[Finding]:
    if name == "none":
        yield Finding(at, "none is what stands in metrics and in the ledger where there is no such thing")


def _ports(document: models.Document) -> Iterator[Finding]:
    admin = document.admin
    if admin.listen.clashes(document.server.listen):
        yield Finding(("admin", "listen"), "is also server.listen", "give the admin server a port of its own")
    if not admin.listen.loopback and not admin.token:
        reason = "is reachable from other machines, and admin.token is not set"
        yield Finding(("admin", "listen"), reason, "listen on 127.0.0.1, or set admin.token")
    if document.server.rehearsal and not admin.token:
        yield Finding(("server", "rehearsal"), "needs admin.token to know who may ask", "set admin.token")


def _identity(document: models.Document, folder: Path) -> Iterator[Finding]:
    for mistake in identity.mistakes(document, folder):
        yield Finding(mistake.path, mistake.reason, mistake.hint)


def _flags(flags: models.Flags, identity: Sequence[models.CallerName]) -> Iterator[Finding]:
    for mistake in providers.mistakes(flags, identity):
        yield Finding(("flags", *mistake.path), mistake.reason, mistake.hint)


def _rings(document: models.Document) -> Iterator[Finding]:
    for name, consumers in document.rings.items():
        for index, consumer in enumerate(consumers):
            yield from _known("consumer", consumer, list(document.consumers), ("rings", name, index))


def _ledger(document: models.Document) -> Iterator[Finding]:
    ledger = document.ledger
    if ledger is None:
        return
    if ledger.url.startswith("postgresql:") and find_spec("psycopg") is None:
        hint = "pip install 'duskgate[postgres]'"
        yield Finding(("ledger", "url"), "psycopg, which speaks to PostgreSQL, is not installed", hint)
    if ledger.keep_days < ledger.keep_hours:
        yield Finding(("ledger", "keep_days"), "is shorter than keep_hours, after which days begin")


def _feed(document: models.Document) -> Iterator[Finding]:
    """The feed may lie below an api's path, where the longer path wins, but no api below the feed's."""
    own = document.feed.path.strip("/").split("/")
    if not {".", ".."}.isdisjoint(own):
        yield Finding(("feed", "path"), "holds a dot segment, which no request may")
    for name, api in document.apis.items():
        without_version = [part for part in api.segments if part != "{version}"]
        if _within(own, api.segments) or _within(own, without_version):
            hint = "move one of them, or turn the feed off with feed: {enabled: false}"
            reason = f"is the path of the notice feed, {document.feed.path}, or lies below it"
            yield Finding(("apis", name, "path"), reason, hint)


def _within(feed: Sequence[str], path: Sequence[str]) -> bool:
    """Whether the beginning of an api's path is the feed's, or that of one of its forms."""
    if len(path) < len(feed) or path.count("{version}") > 1:
        return False
    same = all(theirs in (own, "{version}") for own, theirs in zip(feed[:-1], path, strict=False))
    last = path[len(feed) - 1]
    return same and (last in (feed[-1], "{version}") or last.startswith(f"{feed[-1]}."))


def _tls(document: models.Document, folder: Path) -> Iterator[Finding]:
    for name, backend in document.backends.items():
        for key in ("ca", "cert", "key"):
            file = getattr(backend.tls, key)
            if file is not None and not os.access(folder / file, os.R_OK):
                yield Finding(("backends", name, "tls", key), f"{folder / file} cannot be read")
        yield from _tls_files(backend, folder, ("backends", name, "tls"))
        if (backend.tls.cert is None) != (backend.tls.key is None):
            yield Finding(("backends", name, "tls"), "cert and key go together")
        kinds = {base.split(":", 1)[0] for base in backend.bases}
        if backend.transport == "httpx" and "unix" in kinds and len(backend.bases) > 1:
            yield Finding(("backends", name, "targets"), "the httpx transport takes one Unix socket, alone")


def _tls_files(backend: models.Backend, folder: Path, at: Place) -> Iterator[Finding]:
    """Whether the files can be used, which only using them tells."""
    tls = backend.tls
    try:
        context = ssl.create_default_context(cafile=folder / tls.ca if tls.ca is not None else None)
        if tls.cert is not None and tls.key is not None:
            context.load_cert_chain(folder / tls.cert, folder / tls.key)
    except ssl.SSLError as error:
        yield Finding(at, f"the files cannot be used: {error.reason or error}")
    except OSError:
        return  # a file that cannot be read has been named already


def _path(api: models.Api, at: Place) -> Iterator[Finding]:
    if api.path.count("{") != api.segments.count("{version}") or api.segments.count("{version}") > 1:
        yield Finding((*at, "path"), "may hold {version} once, as a whole segment, and no other parameter")
    elif any(sign in api.path for sign in "?#;*%\\"):
        yield Finding((*at, "path"), "is a literal path: it holds no ?, #, ;, *, % or backslash")
    elif not {".", ".."}.isdisjoint(api.segments):
        yield Finding((*at, "path"), "holds a dot segment, which no request may")


def _resolve(api: models.Api, at: Place, flags: Collection[str] | None) -> Iterator[Finding]:
    in_path = "{version}" in api.segments
    reads_path = any(step.path for step in api.steps)
    if in_path and not reads_path:
        yield Finding((*at, "resolve"), "the path holds {version}, but path is not among the resolvers")
    for index, step in enumerate(api.resolve or ()):
        place: Place = (*at, "resolve", index)
        if step.path and not in_path:
            yield Finding(place, "there is no {version} in the api's path", "write path: /api/{version}")
        if step.flag is not None:
            yield from _known_flag(step.flag, flags, (*place, "flag"))
        if step.version is not None:
            yield from _known("version", step.version, list(api.versions), (*place, "version"))
    if api.default is not None:
        yield from _known("version", api.default, list(api.versions), (*at, "default"))
    if api.default is None and not api.steps:
        hint = "add default: VERSION, or resolve: [...]"
        yield Finding(at, "nothing says which version a request is for", hint)


def _known(kind: str, name: str, known: list[str], at: Place) -> Iterator[Finding]:
    for mistake in _named(kind, name, known, ()):
        yield Finding(at, mistake.reason, mistake.hint)


def _known_flag(name: str, flags: Collection[str] | None, at: Place) -> Iterator[Finding]:
    if flags is not None and name not in flags:
        hint = suggest(name, sorted(flags)) or "add it to the flags file, and name that in the section flags"
        yield Finding(at, f"there is no flag {name!r}", hint)


def _backend(document: models.Document, version: models.Version, at: Place) -> Iterator[Finding]:
    if version.backend is None:
        yield Finding(at, "has no backend", "add backend: NAME")
    else:
        yield from _known("backend", version.backend, list(document.backends), (*at, "backend"))


def _rollout(
    document: models.Document, api: models.Api, name: str, at: Place, flags: Collection[str] | None
) -> Iterator[Finding]:
    rollout = api.versions[name].rollout
    if rollout is None:
        return
    yield from _known("version", rollout.to, list(api.versions), (*at, "to"))
    if rollout.to == name:
        yield Finding((*at, "to"), "moves the version to itself")
    elif rollout.promote and rollout.to in api.versions:
        back = api.versions[rollout.to].rollout
        if back is not None and back.promote and back.to == name:
            yield Finding((*at, "to"), f"{rollout.to} has a rollout that promotes its callers to {name}")
    if rollout.flag is not None:
        yield from _known_flag(rollout.flag, flags, (*at, "flag"))
    for mistake in rollouts.mistakes(document, api, rollout):
        yield Finding((*at, *mistake.path), mistake.reason, mistake.hint)
    for mistake in guards.mistakes(rollout):
        yield Finding((*at, "guard", *mistake.path), mistake.reason, mistake.hint)


def _shadow(api: models.Api, name: str, shadow: models.Shadow | None, at: Place) -> Iterator[Finding]:
    if shadow is None:
        return
    yield from _known("version", shadow.to, list(api.versions), (*at, "to"))
    if shadow.to == name:
        yield Finding((*at, "to"), "sends the copies to the version itself")
    trie: Trie[str] = Trie()
    for index, item in enumerate(shadow.idempotent):
        place: Place = (*at, "idempotent", index, "path")
        try:
            taken = trie.add(parse_template(item.path), frozenset(item.methods), item.path)
        except TemplateError as error:
            yield Finding(place, str(error))
            continue
        if taken is not None:
            yield Finding(place, f"covers the same requests as {taken}")


def _api_lifecycle(document: models.Document, api: models.Api, at: Place) -> Iterator[Finding]:
    """What is wrong with an api's lifecycle. What it leaves open, each version that inherits it may give."""
    if api.lifecycle is None:
        return
    alone = list(_lifecycle(document, api, api.lifecycle, None, at))
    heirs = [name for name in api.versions if inherit.above_version(document, api, name) is not None]
    if not alone or not heirs or not inherit.known(document, api.lifecycle):
        yield from alone
        return
    found: dict[Finding, None] = {}
    for name in heirs:
        own = api.versions[name].lifecycle
        if own is not None and (not own.inherit or not inherit.known(document, own)):
            continue
        whole = inherit.of_version(document, api, name)
        given = own.model_fields_set if own is not None else frozenset()
        if whole is not None:
            found |= dict.fromkeys(_mistakes(document, api, api.lifecycle, whole, at, besides=given))
    yield from found


def _lifecycle(
    document: models.Document,
    api: models.Api,
    own: models.Lifecycle | None,
    above: models.Lifecycle | None,
    at: Place,
    version: str | None = None,
    *,
    endpoint: bool = False,
) -> Iterator[Finding]:
    """What is wrong with what a lifecycle says itself, on top of what it inherits."""
    if own is None:
        return
    names = inherit.named(document)
    if not inherit.known(document, own):
        yield from _known("lifecycle", own.use or "", list(names), (*at, "use"))
        return
    whole = inherit.whole(own, above, names) or own
    yield from _mistakes(document, api, own, whole, at, version, endpoint=endpoint)


def _mistakes(
    document: models.Document,
    api: models.Api,
    own: models.Lifecycle,
    whole: models.Lifecycle,
    at: Place,
    version: str | None = None,
    *,
    endpoint: bool = False,
    besides: Collection[str] = (),
) -> Iterator[Finding]:
    """What is wrong with a lifecycle's keys, ``besides`` some, where ``whole`` is made of them."""
    names = inherit.named(document)
    used = names[own.use].model_fields_set - own.model_fields_set if own.use is not None else set()
    keys = (own.model_fields_set | used) - set(besides)
    found = [*dates.mistakes(whole, keys), *_names(document, api, whole, keys, version)]
    if not endpoint:
        reason = "belongs to an endpoint's lifecycle"
        for key in {"successor_path", "successor_method"} & keys:
            found.append(Mistake((key,), f"{key} {reason}"))
    for mistake in found:
        if mistake.path[0] in used:
            inside = ".".join(map(str, mistake.path))
            yield Finding((*at, "use"), f"{own.use}: {inside} {mistake.reason}", mistake.hint)
        else:
            yield Finding((*at, *mistake.path), mistake.reason, mistake.hint)


def _names(
    document: models.Document,
    api: models.Api,
    lifecycle: models.Lifecycle,
    keys: Collection[str],
    version: str | None,
) -> Iterator[Mistake]:
    """Names in a lifecycle that point nowhere."""
    if "successor" in keys and lifecycle.successor is not None:
        yield from _named("version", lifecycle.successor, api.versions, ("successor",))
        if lifecycle.successor == version:
            yield Mistake(("successor",), "the version is its own successor")
    for index, grace in enumerate(lifecycle.grace or () if "grace" in keys else ()):
        yield from _named("consumer", grace.consumer, document.consumers, ("grace", index, "consumer"))
    for index, item in enumerate(lifecycle.brownouts or () if "brownouts" in keys else ()):
        for number, name in enumerate(item.exempt):
            place = ("brownouts", index, "exempt", number)
            yield from _named("consumer", name, document.consumers, place)


def _named(kind: str, name: str, known: Collection[str], path: tuple[str | int, ...]) -> Iterator[Mistake]:
    if name not in known:
        yield Mistake(path, f"there is no {kind} {name!r}", suggest(name, list(known)))


def _successors(document: models.Document, api: models.Api, at: Place) -> Iterator[Finding]:
    """Successors must lead somewhere: v1 to v2 to v1 would send callers round in circles."""
    following = {
        name: lifecycle.successor
        for name in api.versions
        if (lifecycle := inherit.of_version(document, api, name)) is not None
        and lifecycle.successor not in (None, name)
    }
    for name in following:
        path, current = [name], following.get(name)
        while current is not None and current not in path:
            path.append(current)
            current = following.get(current)
        if current == name:
            circle = " to ".join([*path, name])
            yield Finding(
                (*at, "versions", name, "lifecycle", "successor"), f"successors go in a circle: {circle}"
            )
            return


def _endpoints(document: models.Document, api: models.Api, at: Place) -> Iterator[Finding]:
    trie: Trie[str] = Trie()
    for index, endpoint in enumerate(api.endpoints):
        place: Place = (*at, "endpoints", index)
        try:
            template = parse_template(endpoint.path)
        except TemplateError as error:
            yield Finding((*place, "path"), str(error))
            continue
        if not endpoint.path.isprintable():
            yield Finding((*place, "path"), "holds a character that cannot be printed")
        if "%" in endpoint.path:
            yield Finding(
                (*place, "path"), "is compared with decoded paths: write it without percent-encoding"
            )
        taken = trie.add(template, endpoint.covered, endpoint.path)
        if taken is not None:
            yield Finding((*place, "path"), f"covers the same requests as the endpoint {taken}")
        if not endpoint.versions:
            yield Finding((*place, "versions"), "names no version", "add versions: {v1: {lifecycle: ...}}")
        for name, own in endpoint.versions.items():
            spot: Place = (*place, "versions", name)
            yield from _known("version", name, list(api.versions), spot)
            if name in api.versions:
                yield from _endpoint_version(
                    document, api, endpoint, name, own.lifecycle, (*spot, "lifecycle")
                )


def _endpoint_version(
    document: models.Document,
    api: models.Api,
    endpoint: models.Endpoint,
    name: str,
    own: models.Lifecycle,
    at: Place,
) -> Iterator[Finding]:
    above = inherit.of_version(document, api, name)
    yield from _lifecycle(document, api, own, above, at, name, endpoint=True)
    if own.successor_path is not None:
        whole = inherit.whole(own, above, inherit.named(document)) or own
        if whole.successor is None:
            yield Finding((*at, "successor_path"), "there is no successor that it could be a path of")
        try:
            parse_template(own.successor_path)
            make_successor_parts(own.successor_path, endpoint.path)
        except TemplateError as error:
            yield Finding((*at, "successor_path"), str(error))
