"""From a checked document to the Plan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from xxhash import xxh64_intdigest

from duskgate.config import dates, inherit, models, rollouts, shadows
from duskgate.config import identity as identities
from duskgate.policy.build import (
    flag_names,
    make_routes,
    make_rule,
    make_successor,
    make_successor_parts,
    vary_on,
    version_shape,
    version_texts,
)
from duskgate.policy.callers import ByCertificate
from duskgate.policy.lifecycle import NEVER_ENDS
from duskgate.policy.plan import (
    WHOLE,
    Api,
    Backend,
    Identity,
    Plan,
    Rule,
    Successor,
    Timeouts,
    Tls,
)
from duskgate.policy.resolvers import (
    Explicit,
    FlagResolver,
    HeaderResolver,
    HostResolver,
    MediaTypeResolver,
    QueryResolver,
)
from duskgate.policy.rollout import Rollout
from duskgate.policy.shadow import Shadow
from duskgate.policy.trie import Trie, parse_template


def compile_plan(document: models.Document, digest_of_yaml: str, identity_key: bytes, folder: Path) -> Plan:
    """Compile a document that ``check.findings`` found nothing wrong with."""
    identity = identities.compiled(document, identity_key, folder)
    told_flags = document.flags.attributes if document.flags is not None else {}
    headers = tuple(told_flags.values())
    apis = {name: _api(document, name, api, identity, headers) for name, api in document.apis.items()}
    believed = frozenset(one.key for one in identity.callers if isinstance(one, ByCertificate))
    return Plan(
        digest=digest_of_yaml,
        apis=MappingProxyType(apis),
        routes=make_routes(apis.values()),
        backends=MappingProxyType(
            {name: _backend(name, one, folder) for name, one in document.backends.items()}
        ),
        identity=identity,
        problem_base=document.server.problem_types,
        read=frozenset(
            [*believed, *(name.lower().encode() for name in identity.sent)]
            + [one.key for api in apis.values() for one in api.resolvers if isinstance(one, HeaderResolver)]
            + [header.lower().encode() for header in headers]
            + [
                name.lower().encode()
                for api in apis.values()
                for one in api.rollouts.values()
                for name in one.reads
            ]
        ),
        flag_headers=tuple((name, header.lower().encode()) for name, header in told_flags.items()),
        guarded=frozenset(
            (name, one)
            for name, api in apis.items()
            for version, rollout in api.rollouts.items()
            if rollout.guard is not None
            for one in (version, rollout.to)
        ),
        believed=believed,
    )


def _backend(name: str, backend: models.Backend, folder: Path) -> Backend:
    bounds = backend.timeouts
    total = bounds.total / 1000 if bounds.total is not None else None
    timeouts = Timeouts(bounds.connect / 1000, bounds.response / 1000, bounds.idle / 1000, total)
    files = {
        key: str(folder / file)
        for key in ("ca", "cert", "key")
        if (file := getattr(backend.tls, key)) is not None
    }
    tls = Tls(**files, server_name=backend.tls.server_name)
    return Backend(
        name=name,
        targets=backend.bases,
        timeouts=timeouts,
        host_header=backend.host_header,
        transport=backend.transport,
        health=backend.health,
        retries=backend.retries,
        max_requests=backend.max_requests,
        tls=tls,
    )


def _explicit(step: models.ResolveStep) -> Explicit | None:
    if step.header is not None:
        return HeaderResolver(step.header, step.header.lower().encode())
    if step.query is not None:
        return QueryResolver(step.query)
    if step.media_type is not None:
        return MediaTypeResolver(*_around_version(step.media_type))
    if step.host is not None:
        return HostResolver(*_around_version(step.host))
    return None


def _around_version(template: str) -> tuple[bytes, bytes]:
    before, _, after = template.partition("{version}")
    return before.lower().encode(), after.lower().encode()


def _resolvers(api: models.Api) -> tuple[Explicit, ...]:
    return tuple(one for step in api.steps if (one := _explicit(step)) is not None)


def _path(api: models.Api) -> tuple[bytes | None, ...]:
    return tuple(None if part == "{version}" else part.encode() for part in api.segments)


def _api(
    document: models.Document,
    name: str,
    api: models.Api,
    identity: Identity,
    told_flags: tuple[str, ...],
) -> Api:
    resolvers = _resolvers(api)
    flag_resolvers = tuple(
        FlagResolver(step.flag, step.version) for step in api.steps if step.flag and step.version
    )
    moving = {
        version: rollouts.compiled(document, name, version, one.rollout)
        for version, one in api.versions.items()
        if one.rollout is not None
    }
    moved = moving.get(api.default) if api.default is not None else None
    vary = vary_on(resolvers)
    maker = _Rules(document, name, api, vary, identity, told_flags, tuple(moving.values()))
    rules = {version: maker.rule(version, None) for version in api.versions}
    return Api(
        name=name,
        path=_path(api),
        shape=version_shape(api.versions),
        resolvers=resolvers,
        flag_resolvers=flag_resolvers,
        default=api.default,
        versions=tuple(api.versions),
        by_text=version_texts(api.versions),
        rules=MappingProxyType(rules),
        endpoints=_endpoints(api, maker, rules) if api.endpoints else None,
        rollouts=MappingProxyType(moving),
        flags=flag_names(flag_resolvers, moved.flag if moved else None),
        personal=bool(flag_resolvers) or moved is not None,
    )


@dataclass(frozen=True)
class _Rules:
    """Makes the rules of one api."""

    document: models.Document
    name: str
    api: models.Api
    vary: tuple[str, ...]
    identity: Identity
    told_flags: tuple[str, ...]
    rollouts: tuple[Rollout, ...]

    def rule(self, version: str, endpoint: models.Endpoint | None) -> Rule:
        """The rule of an endpoint, or of a whole version."""
        source = self.api.versions[version]
        if endpoint is None:
            written = inherit.of_version(self.document, self.api, version)
        else:
            written = inherit.of_endpoint(self.document, self.api, endpoint, version)
        seed = brownout_seed(self.name, version)
        return make_rule(
            self.name,
            version,
            endpoint.path if endpoint is not None else WHOLE,
            source.backend or "",
            dates.compiled(written, seed) if written is not None else NEVER_ENDS,
            rewrite=source.rewrite.rstrip("/").encode() if source.rewrite is not None else None,
            vary=self.vary,
            callers=self.identity.sent,
            unseen=self.identity.unseen,
            told_flags=self.told_flags,
            successor=_successor(self.api, written, endpoint),
            methods=endpoint.methods if endpoint is not None else (),
            shadow=_shadow(source.shadow, written, endpoint),
            elsewhere=_elsewhere(source.rollout.to, written, endpoint) if source.rollout else None,
            routing=[header for one in self.rollouts for header in one.reads],
            hidden=frozenset(one.override.key for one in self.rollouts if one.override is not None),
        )


def _shadow(
    shadow: models.Shadow | None, lifecycle: models.Lifecycle | None, endpoint: models.Endpoint | None
) -> Shadow | None:
    if shadow is None:
        return None
    return shadows.compiled(shadow, _elsewhere(shadow.to, lifecycle, endpoint))


def _elsewhere(
    to: str, lifecycle: models.Lifecycle | None, endpoint: models.Endpoint | None
) -> tuple[bytes | int, ...] | None:
    """The path of an endpoint's resource in another version, where it is declared to differ there."""
    if endpoint is None or lifecycle is None or lifecycle.successor != to:
        return None
    path = lifecycle.successor_path
    return make_successor_parts(path, endpoint.path) if path is not None else None


def brownout_seed(api: str, version: str) -> int:
    """What divides a version's consumers for its brownouts: the same ones for all of its endpoints."""
    return xxh64_intdigest(f"brownout:{api}/{version}".encode(), 0)


def _successor(
    api: models.Api, lifecycle: models.Lifecycle | None, endpoint: models.Endpoint | None
) -> Successor | None:
    if lifecycle is None or lifecycle.successor is None:
        return None
    parts = None
    if endpoint is not None and lifecycle.successor_path is not None:
        parts = make_successor_parts(lifecycle.successor_path, endpoint.path)
    return make_successor(_path(api), _resolvers(api), lifecycle.successor, parts)


def _endpoints(api: models.Api, maker: _Rules, whole: Iterable[str]) -> Trie[Mapping[str, Rule]]:
    trie: Trie[Mapping[str, Rule]] = Trie()
    for endpoint in api.endpoints:
        rules = {version: maker.rule(version, endpoint) for version in whole}
        trie.add(parse_template(endpoint.path), endpoint.covered, MappingProxyType(rules))
    return trie
