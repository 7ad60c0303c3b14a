"""The Plan: the immutable, compiled form of the YAML, and all that a decision may read.

It is neutral: no type of a server, an HTTP client or a validator is in it, so that every data plane can be
driven by the same one. ``duskgate.policy.build`` makes its parts; nothing changes them afterwards.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from duskgate.policy.addresses import Network, Peers
from duskgate.policy.callers import ByAddress, ByCertificate, ByHeader, ByToken, Caller
from duskgate.policy.lifecycle import Lifecycle
from duskgate.policy.marks import Marks
from duskgate.policy.paths import Segments
from duskgate.policy.resolvers import Explicit, FlagResolver
from duskgate.policy.rollout import Rollout
from duskgate.policy.shadow import Shadow
from duskgate.policy.trie import Trie

WHOLE = "*"
"""The endpoint label of requests that no endpoint rule covers."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Bounds on talking to a backend, in seconds. ``None``: no bound."""

    connect: float | None = 5.0
    response: float | None = 60.0
    idle: float | None = 300.0
    total: float | None = None


@dataclass(frozen=True, slots=True)
class Tls:
    """How to speak to ``https`` targets: file paths, PEM. ``ca``: whom to trust instead of the system's."""

    ca: str | None = None
    cert: str | None = None
    key: str | None = None
    server_name: str | None = None


@dataclass(frozen=True, slots=True)
class Backend:
    """Where a version's requests are sent."""

    name: str
    targets: tuple[str, ...]
    timeouts: Timeouts = Timeouts()
    host_header: str = "preserve"
    transport: str = "native"
    health: str | None = None
    retries: int = 0
    max_requests: int | None = None
    tls: Tls = Tls()


@dataclass(frozen=True, slots=True)
class Successor:
    """Where the next version has a resource.

    ``head`` comes before the resource's path: the next version's api path; ``in_path`` says that the version
    stands in it. ``host`` is (before, version, after) and ``query`` is (parameter, version), where those can
    name a version. ``parts`` is the resource's path where it differs there: literals, and positions of the
    request's own segments.
    """

    head: bytes
    in_path: bool
    host: tuple[bytes, bytes, bytes] | None = None
    query: tuple[bytes, bytes] | None = None
    parts: tuple[bytes | int, ...] | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """What holds for one endpoint of one version, or for all of a version that no endpoint rule covers.

    ``untold`` and ``told`` are the marks before and after callers are told of the lifecycle; the second of
    each pair is for answers that a flag routed. ``graced`` has the marks of consumers with a later sunset.
    ``successor`` is missing where there is none, or where only a header tells the versions apart. ``ends``
    is the lifecycle's own. ``vary``, ``callers`` and ``told_flags`` are the headers that the marks were made
    of, and ``unseen`` says that callers are named by other things too. ``methods`` are those that the
    endpoint covers; none: all. ``shadow`` says which other version gets copies. ``elsewhere`` is the
    resource's path in the version that the rollout leads to, where it differs: see ``Successor``. ``routing``
    are the headers, besides those, that a rollout of the api reads, and ``hidden`` those that no backend
    gets.
    """

    api: str
    version: str
    endpoint: str
    backend: str
    rewrite: bytes | None
    lifecycle: Lifecycle
    untold: tuple[Marks, Marks]
    told: tuple[Marks, Marks]
    graced: Mapping[str, tuple[Marks, Marks]]
    successor: Successor | None = None
    ends: bool = False
    vary: tuple[str, ...] = ()
    callers: tuple[str, ...] = ()
    told_flags: tuple[str, ...] = ()
    unseen: bool = False
    methods: tuple[str, ...] = ()
    shadow: Shadow | None = None
    elsewhere: tuple[bytes | int, ...] | None = None
    routing: tuple[str, ...] = ()
    hidden: frozenset[bytes] = frozenset()


@dataclass(frozen=True, slots=True)
class Api:
    """One HTTP API with versions behind one public surface.

    ``path`` holds the api's literal segments, with ``None`` where the version stands; ``shape`` matches
    segments that look like a version of this api, known or not. ``flags`` are those to evaluate for callers
    who name no version, and ``personal`` says whether two of these may get different ones.
    """

    name: str
    path: tuple[bytes | None, ...]
    shape: re.Pattern[bytes]
    resolvers: tuple[Explicit, ...]
    flag_resolvers: tuple[FlagResolver, ...]
    default: str | None
    versions: tuple[str, ...]
    by_text: Mapping[bytes, str]
    rules: Mapping[str, Rule]
    endpoints: Trie[Mapping[str, Rule]] | None
    rollouts: Mapping[str, Rollout]
    flags: tuple[str, ...]
    personal: bool = False

    @property
    def version_index(self) -> int | None:
        """Where in the path the version stands."""
        return self.path.index(None) if None in self.path else None


@dataclass(frozen=True, slots=True)
class Consumer:
    """A consumer known by name."""

    name: str
    contact: str | None
    critical: bool


@dataclass(frozen=True, slots=True)
class Identity:
    """How callers are named.

    ``known`` maps the tag of one way to name callers, and the keyed digest of a value, to a name; ``key`` is
    the secret of those digests. ``networks`` are the known ones, the smallest first. ``peers`` are believed
    when they tell of addresses and certificates.
    """

    callers: tuple[Caller, ...] = ()
    consumers: Mapping[str, Consumer] = field(default_factory=dict)
    known: Mapping[tuple[bytes, bytes], str] = field(default_factory=dict)
    networks: tuple[tuple[Network, str], ...] = ()
    peers: Peers = field(default_factory=Peers, compare=False)
    key: bytes = field(default=b"", repr=False)

    @property
    def sent(self) -> tuple[str, ...]:
        """The headers that callers themselves send to be named."""
        return tuple(dict.fromkeys(one.name for one in self.callers if isinstance(one, (ByHeader, ByToken))))

    @property
    def unseen(self) -> bool:
        """Some callers are named by what no cache can see, so by nothing that ``Vary`` could name."""
        return any(isinstance(one, (ByCertificate, ByAddress)) for one in self.callers)


Found = tuple[Api, bytes | None, int]
"""An api, the version text that stands in the path, and the number of segments that are the api's own."""


class Routes:
    """Every api by its path: a trie in which a literal segment comes before the place of a version."""

    __slots__ = ("_api", "_literals", "_version")

    def __init__(self) -> None:
        self._api: Api | None = None
        self._literals: dict[bytes, Routes] = {}
        self._version: Routes | None = None

    def add(self, path: tuple[bytes | None, ...], api: Api) -> None:
        """Put an api under a path, ``None`` standing for its version; one that is there already stays."""
        node = self
        for segment in path:
            if segment is not None:
                node = node._literals.setdefault(segment, Routes())
            else:
                node._version = node = node._version or Routes()
        node._api = node._api or api

    def find(self, path: Segments) -> Found | None:
        """The api that this path begins with: literals first, and the longest.

        A segment in a version's place that does not look like one is read as part of the resource.
        """
        return self._find(path, 0, None)

    def _find(self, path: Segments, index: int, text: bytes | None) -> Found | None:
        if index < len(path):
            segment = path[index]
            literal = self._literals.get(segment)
            if literal is not None:
                found = literal._find(path, index + 1, text)
                if found is not None:
                    return found
            if self._version is not None:
                found = self._version._find(path, index + 1, segment)
                if found is not None:
                    return found
        api = self._api
        if api is None or not (text is None or text in api.by_text or api.shape.fullmatch(text)):
            return None
        return api, text, index


@dataclass(frozen=True, slots=True)
class Plan:
    """All that deciding needs.

    ``digest`` names the YAML it was compiled from. ``read`` are the request headers that callers, versions
    and flags are told by, in lower case; ``believed`` are those that only believed peers may set.
    ``flag_headers`` are the attributes that flags get from headers, each with its header in lower case.
    ``guarded`` are the versions, as (api, version), that a guard compares.
    """

    digest: str
    apis: Mapping[str, Api]
    routes: Routes
    backends: Mapping[str, Backend] = field(default_factory=dict)
    identity: Identity = Identity()
    problem_base: str = "urn:duskgate:problem:"
    read: frozenset[bytes] = frozenset()
    flag_headers: tuple[tuple[str, bytes], ...] = ()
    guarded: frozenset[tuple[str, str]] = frozenset()
    believed: frozenset[bytes] = frozenset()
