"""The Plan: the immutable, compiled form of the YAML, and all that a decision may read.

It is neutral: no type of a server, an HTTP client or a validator is in it, so that every data plane can be
driven by the same one. ``duskgate.policy.compile`` makes its parts; nothing changes them afterwards.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from duskgate.policy.lifecycle import Lifecycle
from duskgate.policy.marks import Marks
from duskgate.policy.paths import Segments
from duskgate.policy.resolvers import Explicit, FlagResolver
from duskgate.policy.trie import Trie

WHOLE = "*"
"""The endpoint label of requests that no endpoint rule covers."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Bounds on talking to a backend, in seconds. ``None``: no bound."""

    connect: float | None = 5.0
    response: float | None = 60.0
    idle: float | None = 300.0


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
    tls: Tls = Tls()


@dataclass(frozen=True, slots=True)
class Rollout:
    """Moving callers who named no version from one version to another while a flag is on for them."""

    flag: str
    to: str


@dataclass(frozen=True, slots=True)
class SuccessorPath:
    """An endpoint's path in the next version, where that differs: literals and parameter positions."""

    parts: tuple[bytes | int, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """What holds for one endpoint of one version, or for all of a version that no endpoint rule covers.

    ``untold`` and ``told`` are the marks before and after callers are told of the lifecycle; the second of
    each pair is for answers that a flag routed. ``graced`` has the marks of consumers with a later sunset.
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
    successor_path: SuccessorPath | None = None


@dataclass(frozen=True, slots=True)
class Api:
    """One HTTP API with versions behind one public surface.

    ``path`` holds the api's literal segments, with ``None`` where the version stands; ``shape`` matches
    segments that look like a version of this api, known or not.
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
    endpoints: Trie[Mapping[str, Rule]]
    rollouts: Mapping[str, Rollout]
    flags: tuple[str, ...]

    @property
    def version_index(self) -> int | None:
        """Where in the path the version stands."""
        return self.path.index(None) if None in self.path else None


@dataclass(frozen=True, slots=True)
class Caller:
    """One way to name the caller: a header, whose value may be a secret."""

    name: str
    key: bytes
    secret: bool


@dataclass(frozen=True, slots=True)
class Consumer:
    """A consumer known by name."""

    name: str
    contact: str | None
    critical: bool


@dataclass(frozen=True, slots=True)
class Identity:
    """How callers are named. ``known`` maps a header's key and the keyed digest of a value to a name.

    ``key`` is the secret of those digests.
    """

    callers: tuple[Caller, ...] = ()
    consumers: Mapping[str, Consumer] = field(default_factory=dict)
    known: Mapping[tuple[bytes, bytes], str] = field(default_factory=dict)
    key: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Routes:
    """Every api by its path. Keys hold ``None`` in place of a version segment."""

    table: Mapping[tuple[bytes | None, ...], Api] = field(default_factory=dict)
    longest: int = 0
    version_indexes: tuple[int, ...] = ()

    def find(self, path: Segments) -> tuple[Api, bytes | None, int] | None:
        """The api with the longest path that this path begins with.

        Returns it with the version text that stands in the path and the number of segments matched. A
        segment in the version's place that does not look like a version is read as part of the resource.
        """
        for length in range(min(self.longest, len(path)), -1, -1):
            head: tuple[bytes | None, ...] = path[:length]
            api = self.table.get(head)
            if api is not None:
                return api, None, length
            for index in self.version_indexes:
                if index < length:
                    api = self.table.get((*head[:index], None, *head[index + 1 :]))
                    if api is not None and api.shape.fullmatch(path[index]):
                        return api, path[index], length
        return None


@dataclass(frozen=True, slots=True)
class Plan:
    """All that deciding needs. ``digest`` names the YAML it was compiled from."""

    digest: str
    apis: Mapping[str, Api]
    routes: Routes
    backends: Mapping[str, Backend] = field(default_factory=dict)
    identity: Identity = Identity()
    flags: frozenset[str] = frozenset()
    problem_base: str = "urn:duskgate:problem:"
