"""The YAML's shape: one strict model a section. Meaning across sections is checked in ``check.py``."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)

from duskgate.config.scalars import (
    Address,
    Contact,
    Database,
    FieldPath,
    Flag,
    Instant,
    Integer,
    Jwks,
    Lasting,
    Listen,
    Moment,
    Peer,
    Percent,
    Ratio,
    Size,
    Span,
    Texts,
    Tolerance,
    Url,
    WebUrl,
    bad,
    hard_to_guess,
    whole_number,
)

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
HeaderName = Annotated[str, StringConstraints(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")]
Attribute = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_-]{0,63}$")]
HeaderValue = Annotated[str, StringConstraints(pattern=r"^[ -~]*$")]
Method = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z-]{0,31}$")]
Text = Annotated[str, StringConstraints(min_length=1)]
Secret = Annotated[str, AfterValidator(hard_to_guess)]


Positive = Annotated[Span, Field(ge=1)]

MINUTE = 60_000
Algorithm = Literal[
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "EdDSA",
    "HS256",
    "HS384",
    "HS512",
]
"""RFC 7518 section 3.1 and RFC 8037. Whoever can verify those that begin with HS could sign as well."""

SYMMETRIC = "HS"

DAY = 86_400_000
WEEK = 7 * DAY
"""In ms."""

LARGEST_SHADOW = 16 * 2**20
"""Bytes of the largest body that a shadow may keep."""

MOST_WINDOWS = 1000
"""Brownouts of one series."""


class Section(BaseModel):
    """A mapping of the YAML: unknown keys are errors, values are not changed after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True, strict=True)


def exactly_one(section: Section, *names: str) -> None:
    """Raise unless just one of the keys is given."""
    given = [name for name in names if getattr(section, name) is not None]
    if len(given) != 1:
        have = " and ".join(given) or "none"
        raise bad(f"takes exactly one of {', '.join(names)}; it has {have}")


class Server(Section):
    """The data port."""

    listen: Address = Field(
        Listen("127.0.0.1", 8080), description="Address and port for the callers' requests."
    )
    workers: Annotated[Integer, Field(ge=1, le=512)] = Field(1, description="Worker processes.")
    max_connections: Annotated[Integer, Field(ge=1, le=1_000_000)] = Field(
        1024, description="Connections open at once, in each worker; further ones wait."
    )
    http2: Flag = Field(
        False, description="HTTP/2 for clients that begin with it, at a higher cost for all requests."
    )
    trusted_proxies: list[Peer] = Field(
        [], description="Peers whose X-Forwarded-* and Forwarded headers are believed."
    )
    max_request_body: Size = Field(
        100 * 2**20, description="Larger request bodies are refused with 413; or unlimited."
    )
    end_streams_after_sunset: Lasting = Field(
        None, description="How long after a sunset streams that are still open are ended; or never."
    )
    rehearsal: Flag = Field(
        False, description="Callers with admin.token, or signed by it, may ask about other moments."
    )
    access_log: Flag = Field(True, description="One JSON line a request on standard output.")
    drain_delay: Span = Field(
        0, description="How long /readyz says no before a stopping gateway takes no more connections."
    )
    drain_timeout: Span = Field(
        30_000, description="How long a stopping worker may take to end its requests."
    )
    max_worker_age: Lasting = Field(None, description="Workers are replaced after so long; or never.")
    max_worker_memory: Size = Field(None, description="Workers that grow larger are replaced; or unlimited.")
    state: Text = Field(
        ".", description="Folder of what is switched at run time (switches.json), relative to this file."
    )
    problem_types: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9+.-]*:\S+$")] = Field(
        "urn:duskgate:problem:", description="What problem types begin with; the problem's name follows."
    )


class Admin(Section):
    """The admin port: metrics and health. Never the data port."""

    listen: Address = Field(Listen("127.0.0.1", 9900), description="Address and port of the admin server.")
    token: str | None = Field(
        None, description="Bearer token for the admin port; required when it is not on loopback."
    )


class Flags(Section):
    """Where flags are evaluated."""

    provider: Annotated[
        str, StringConstraints(pattern=r"^(file|flagd|ofrep|[A-Za-z_][\w.]*:[A-Za-z_]\w*)$")
    ] = Field("file", description="file, flagd, ofrep, or module:factory.")
    path: Text = Field("flags.json", description="The flagd-format file, relative to this one.")
    overrides: Text | None = Field(
        None, description="Where flags flipped for single users are kept; left out: beside the flags file."
    )
    country: HeaderName | None = Field(None, description="The header that tells rules the country.")
    context: dict[Attribute, HeaderName] = Field(
        {}, description="More attributes for rules, and the headers they are read from."
    )
    deadline: Annotated[Span, Field(ge=1, le=10_000)] = Field(
        50, description="How long a request waits for a provider that is far away."
    )
    host: Text = Field("localhost", description="flagd's host.")
    port: Annotated[Integer, Field(ge=1, le=65_535)] | None = Field(
        None, description="flagd's port; left out: 8013, or 8015 in-process."
    )
    tls: Flag = Field(False, description="Speak TLS to flagd.")
    resolver: Literal["rpc", "in-process"] = Field(
        "rpc", description="rpc: flagd evaluates; in-process: flagd sends its rules, the gateway evaluates."
    )
    url: Url | None = Field(None, description="The OFREP service's base URL.")
    headers: dict[HeaderName, HeaderValue] = Field({}, description="Headers for the OFREP service.")
    options: dict[Text, Any] = Field({}, description="What the factory of module:factory is given.")

    @property
    def far(self) -> bool:
        """Whether a request may have to wait for somebody else to evaluate its flags."""
        return self.provider != "file" and not (self.provider == "flagd" and self.resolver == "in-process")

    @property
    def attributes(self) -> dict[str, str]:
        """The headers that attributes are read from, by the attribute's name."""
        return {**({"country": self.country} if self.country is not None else {}), **self.context}

    @model_validator(mode="after")
    def _fits_provider(self) -> Flags:
        for key in sorted(self.model_fields_set & _PROVIDER_OF.keys()):
            wanted = _PROVIDER_OF[key]
            if wanted != (self.provider if ":" not in self.provider else "module:factory"):
                raise bad(f"{key} belongs to provider: {wanted}")
        if "deadline" in self.model_fields_set and not self.far:
            raise bad("deadline has no use where flags are evaluated in process")
        if self.provider == "ofrep" and (self.url is None or self.url.startswith("unix:")):
            raise bad("provider: ofrep takes a url with http:// or https://")
        return self


_PROVIDER_OF = {
    "path": "file",
    "host": "flagd",
    "port": "flagd",
    "tls": "flagd",
    "resolver": "flagd",
    "url": "ofrep",
    "headers": "ofrep",
    "options": "module:factory",
}


class Ledger(Section):
    """The store of who called what, when."""

    url: Database = Field(
        "sqlite:///duskgate.db",
        description="sqlite:/// and a file, relative to this one; or postgresql://user@host/database.",
    )
    flush: Annotated[Span, Field(ge=100, le=60_000)] = Field(
        1_000, description="How often what was counted is written."
    )
    keep_hours: Positive = Field(14 * 86_400_000, description="How long use is kept by the hour.")
    keep_days: Positive = Field(400 * 86_400_000, description="How long it is kept by the day after that.")
    max_consumers: Annotated[Integer, Field(ge=1, le=100_000)] = Field(
        1_000, description="Unknown callers that get rows of their own anew in an hour, in each worker."
    )


class Feed(Section):
    """The notice feed on the data port: what ends, and when, for people and programs."""

    enabled: Flag = Field(True, description="Whether there is a feed.")
    path: Annotated[str, StringConstraints(pattern=r"^(/[A-Za-z0-9._~-]+)+$")] = Field(
        "/.well-known/api-deprecations", description="Where it is; its forms are at this path and .json, ..."
    )
    title: Text = Field("API deprecations", description="What it is called.")
    url: Annotated[WebUrl, StringConstraints(pattern=r"^https?://[^/?#@]+$")] | None = Field(
        None, description="How callers reach the gateway; makes links absolute, and ids its own."
    )


class Jwt(Section):
    """A caller named by a claim of a JSON Web Token."""

    name: Name = Field("jwt", description="What match calls it: NAME:CLAIM.")
    header: HeaderName = Field("Authorization", description="The header with the token.")
    claim: Text = Field("sub", description="The claim that names the caller.")
    jwks: Jwks | None = Field(None, description="https URL or file of the keys that verify the token.")
    issuer: Texts | None = Field(None, description="One of these issued the token.")
    audience: Texts | None = Field(None, description="The token is for one of these.")
    algorithms: list[Algorithm] = Field(
        [name for name in get_args(Algorithm) if not name.startswith(SYMMETRIC)],
        description="Signatures that are accepted.",
        min_length=1,
    )
    leeway: Annotated[Span, Field(le=600_000)] = Field(
        0, description="How far the clocks of issuer and gateway may differ."
    )
    unverified: Flag = Field(False, description="Believe the token without verifying it.")

    @model_validator(mode="after")
    def _sound(self) -> Jwt:
        if self.unverified:
            useless = {"jwks", "issuer", "audience", "algorithms", "leeway"} & self.model_fields_set
            if useless:
                raise bad(f"{' and '.join(sorted(useless))} have no use where unverified is true")
        elif self.jwks is None:
            raise bad("jwks is missing: the keys that verify the token; or say unverified: true")
        return self

    @property
    def called(self) -> str:
        """What ``match`` calls it."""
        return f"{self.name}:{self.claim}"


class ClientCertificate(Section):
    """A caller named by the client certificate that a trusted proxy verified."""

    header: HeaderName = Field(description="The header in which the proxy tells of it.")
    field: Literal["Hash", "Subject", "URI", "DNS"] | None = Field(
        None, description="A field of X-Forwarded-Client-Cert; left out: the header's whole value."
    )

    @model_validator(mode="after")
    def _sound(self) -> ClientCertificate:
        if self.field is None and self.header.lower() == "x-forwarded-client-cert":
            raise bad("X-Forwarded-Client-Cert holds several fields: add field: URI, Subject, DNS or Hash")
        return self


class Ip(Section):
    """A caller named by the network that its address lies in."""

    prefix: Annotated[Integer, Field(ge=8, le=32)] = Field(32, description="Bits of an IPv4 address.")
    prefix6: Annotated[Integer, Field(ge=16, le=128)] = Field(64, description="Bits of an IPv6 address.")
    header: HeaderName = Field(
        "X-Forwarded-For", description="Where trusted proxies say whom they were asked by."
    )


class CallerName(Section):
    """One way to name the caller; the first that is present does."""

    header: HeaderName | None = Field(None, description="A header whose value names the caller.")
    jwt: Jwt | None = None
    client_certificate: ClientCertificate | None = None
    ip: Ip | None = None
    secret: Flag | None = Field(
        None, description="The value is a secret: only its keyed digest is shown, also to flags."
    )

    @model_validator(mode="after")
    def _one(self) -> CallerName:
        exactly_one(self, "header", "jwt", "client_certificate", "ip")
        if self.ip is not None and self.secret is not None:
            raise bad("secret does not go with ip: only digests of addresses are shown")
        return self

    @property
    def hidden(self) -> bool:
        """Whether the value is a secret; as long as nobody says so, only a header's is none."""
        return self.header is None if self.secret is None else self.secret

    @property
    def called(self) -> str:
        """What ``match`` calls it."""
        if self.header is not None:
            return self.header.lower()
        if self.jwt is not None:
            return self.jwt.called
        return "ip" if self.ip is not None else "client_certificate"


class Consumer(Section):
    """A consumer known by name."""

    match: dict[Text, Texts] = Field(description="Values that identify the consumer.")
    contact: Contact | None = Field(None, description="Where to reach them: a mailto: or https: URL.")
    critical: Flag = Field(False, description="Losing them would hurt.")

    @model_validator(mode="after")
    def _matches(self) -> Consumer:
        if not self.match or not all(self.match.values()):
            raise bad("match is empty; name a header and the value the consumer sends")
        return self


class Timeouts(Section):
    """Bounds on talking to a backend."""

    connect: Positive = Field(5_000, description="Until a connection is open.")
    response: Positive = Field(60_000, description="From the request's end until the response's head.")
    idle: Positive = Field(300_000, description="Between two pieces of a request's or response's content.")
    total: Annotated[Lasting, Field(ge=1)] = Field(
        None, description="For the whole exchange, content included; or never."
    )


class Tls(Section):
    """How to speak to https targets. Files are PEM; relative paths start at this file's folder."""

    ca: Text | None = Field(None, description="Certificates to trust instead of the system's.")
    cert: Text | None = Field(None, description="Client certificate to show.")
    key: Text | None = Field(None, description="The client certificate's key.")
    server_name: Text | None = Field(None, description="Name to ask for and verify, if not the URL's host.")


class Backend(Section):
    """Where a version's requests are sent."""

    url: Url | None = Field(None, description="The only target's base URL.")
    targets: list[Url] | None = Field(None, description="Base URLs, when there are several.", min_length=1)
    timeouts: Timeouts = Field(default_factory=lambda: Timeouts.model_validate({}))
    health: Annotated[str, StringConstraints(pattern="^/")] | None = Field(
        None, description="Path that answers 2xx while a target is well; probed every 5 s."
    )
    retries: Annotated[Integer, Field(ge=0, le=10)] = Field(0, description="Attempts after the first.")
    max_requests: Annotated[Integer, Field(ge=1)] | None = Field(
        None, description="Requests under way at once in a worker; more are refused with 503."
    )
    host_header: Literal["preserve", "target"] = Field(
        "preserve", description="The Host that backends see: the caller's, or the target's own."
    )

    @model_validator(mode="after")
    def _one(self) -> Backend:
        exactly_one(self, "url", "targets")
        return self

    transport: Literal["native", "httpx"] = Field(
        "native", description="native: HTTP/1.1 at little cost; httpx: also HTTP/2 to https targets."
    )
    tls: Tls = Field(default_factory=lambda: Tls.model_validate({}))

    @property
    def bases(self) -> tuple[str, ...]:
        """The base URLs, however they were written."""
        return (self.url,) if self.url is not None else tuple(self.targets or ())


class RampStep(Section):
    """From so long after the start of its brownouts on, so many of the consumers are hit."""

    after: Span
    percent: Percent


class Brownouts(Section):
    """One window in which the sunset is rehearsed, or a series of them."""

    start: Moment = Field(alias="from", description="When the first one begins.")
    length: Span | None = Field(None, alias="for", description="How long each one is.")
    until: Moment | None = Field(None, description="When the only one ends, instead of its length.")
    ladder: list[Positive] | None = Field(
        None,
        description="The lengths of several, one after the other.",
        min_length=1,
        max_length=MOST_WINDOWS,
    )
    every: Positive | None = Field(None, description="From the start of one to that of the next.")
    times: Annotated[Integer, Field(ge=1, le=MOST_WINDOWS)] = Field(1, description="How many there are.")
    growth: Annotated[Integer, Field(ge=1, le=100)] = Field(
        1, description="Each is so many times as long as the one before."
    )
    percent: Percent = Field(100, description="How many of the consumers are hit; always the same ones.")
    ramp: list[RampStep] | None = Field(None, description="The same, growing with time.", min_length=1)
    exempt: list[Text] = Field([], description="Consumers that are spared.")
    status: Annotated[Literal[410, 503], BeforeValidator(whole_number)] = Field(
        410, description="What is answered."
    )

    @model_validator(mode="after")
    def _sound(self) -> Brownouts:
        given = [key for key, one in self._lengths().items() if one is not None]
        if len(given) != 1:
            raise bad(f"takes exactly one of for, until, ladder; it has {' and '.join(given) or 'none'}")
        several = self.times > 1 or len(self.ladder or ()) > 1
        if several != (self.every is not None):
            raise bad("every goes with times or ladder: how far apart they are")
        if self.length is None and (self.times > 1 or self.growth > 1):
            raise bad("times and growth go with for")
        if self.ramp is not None and "percent" in self.model_fields_set:
            raise bad("takes percent or ramp, not both")
        return self

    def _lengths(self) -> dict[str, object]:
        return {"for": self.length, "until": self.until, "ladder": self.ladder}


class GracePeriod(Section):
    """A named consumer's later sunset."""

    consumer: Text
    until: Moment
    owner: Text = Field(description="Who answers for the exception.")
    reason: Text


class Freeze(Section):
    """Keeping newcomers off."""

    start: Moment | None = Field(None, alias="from", description="From here on; left out: from deprecated.")
    mode: Literal["observe", "enforce"] = Field(
        "observe", description="observe: newcomers are counted; enforce: they are refused with 403."
    )


class OldShare(Section):
    """The version's part of the api's requests is below a bound."""

    below: Percent
    over: Positive = Field(WEEK, description="In the time just past.")


class SuccessorErrors(Section):
    """The successor answers with 5xx no more often than the version itself."""

    over: Positive = Field(DAY, description="In the time just past.")
    tolerance: Percent = Field(0, description="How many more, in percent of the requests, are all right.")


class ContactsNotified(Section):
    """Every known consumer that still calls has been told, by the record of duskgate switch notified."""

    over: Positive = Field(WEEK, description="Who called in the time just past.")


class Accept(Section):
    """A gate before the sunset: what must be so for it to take effect."""

    old_share: OldShare | None = None
    critical_unseen: Positive | None = Field(None, description="No critical consumer called for so long.")
    successor_errors: SuccessorErrors | None = None
    contacts_notified: ContactsNotified | None = None
    unmet: Literal["hold", "warn"] = Field(
        "hold", description="hold: the sunset waits; warn: it does not, but the log and the metrics say so."
    )
    hold_at_most: Positive = Field(14 * DAY, description="How long the sunset waits at the most.")
    on_unknown: Literal["hold", "enforce"] = Field(
        "hold", description="What to do where a condition cannot be judged, as without a ledger."
    )

    @model_validator(mode="after")
    def _any(self) -> Accept:
        if not (self.old_share or self.critical_unseen or self.successor_errors or self.contacts_notified):
            known = "old_share, critical_unseen, successor_errors, contacts_notified"
            raise bad(f"names no condition; there are {known}")
        return self


class Lifecycle(Section):
    """The dates of an api, a version or an endpoint."""

    use: Text | None = Field(None, description="A named lifecycle that this one starts from.")
    inherit: Flag = Field(
        True, description="Start from the version's, or the api's, where this says nothing."
    )
    announced: Instant | None = Field(None, description="Callers are told from here on.")
    deprecated: Moment | None = Field(None, description="The Deprecation header's date.")
    sunset: Moment | None = Field(None, description="From here on: 410 Gone.")
    removed: Moment | None = Field(None, description="From here on: 404.")
    minimum_notice: Span | None = Field(None, description="A shorter notice is warned of.")
    guide: WebUrl | None = Field(None, description="The migration guide callers are pointed to.")
    contact: Contact | None = Field(None, description="Whom callers may ask: a mailto: or https: URL.")
    successor: Text | None = Field(None, description="The version to move to.")
    successor_path: Annotated[str, StringConstraints(pattern="^/")] | None = Field(
        None, description="An endpoint's path template in the successor, where it differs."
    )
    successor_method: Method | None = Field(None, description="Its method there, where it differs.")
    redirect: Literal["never", "safe", "all"] = Field(
        "never", description="After the sunset, send safe methods, or all, on with 308 instead of 410."
    )
    brownouts: list[Brownouts] | None = None
    grace: list[GracePeriod] | None = None
    grace_warning: Span = Field(WEEK, description="How long before its end a grace counts as expiring.")
    freeze: Freeze | None = None
    accept: Accept | None = None


class Guard(Section):
    """What ends a rollout: the version that callers are moved to does worse than the one they come from."""

    window: Span = Field(
        5 * MINUTE, description="What is compared: the requests of so long, just past; 2s to 1h."
    )
    min_requests: Annotated[Integer, Field(ge=10, le=1_000_000)] = Field(
        200, description="Without so many to each version in the window nothing is said."
    )
    max_error_delta: Percent | None = Field(
        None, description="How many more of its requests may fail, in percent of them."
    )
    max_p99_ratio: Ratio | None = Field(
        None, description="How many times as long its slowest hundredth may take."
    )
    action: Literal["rollback", "pause", "alert"] = Field(
        "rollback", description="rollback: nobody is moved; pause: the schedule stops; alert: it is said."
    )

    @model_validator(mode="after")
    def _sound(self) -> Guard:
        if self.max_error_delta is None and self.max_p99_ratio is None:
            raise bad("compares nothing; add max_error_delta: 1% or max_p99_ratio: 1.5")
        return self


class StickyBy(Section):
    """What a percentage is sticky by."""

    consumer: Flag | None = None
    ip: Flag | None = None
    header: HeaderName | None = None
    cookie: HeaderName | None = None

    @model_validator(mode="before")
    @classmethod
    def _word(cls, value: Any) -> Any:
        if isinstance(value, str):
            if value in ("header", "cookie"):
                raise bad(f"needs the {value}'s name: write by: {{{value}: NAME}}")
            if value not in ("consumer", "ip"):
                raise bad("should be consumer, ip, {header: NAME} or {cookie: NAME}")
            return {value: True}
        return value

    @model_validator(mode="after")
    def _one(self) -> StickyBy:
        exactly_one(self, "consumer", "ip", "header", "cookie")
        return self


By = Annotated[
    StickyBy,
    WithJsonSchema(
        {
            "anyOf": [
                {"enum": ["consumer", "ip"]},
                *(
                    {
                        "type": "object",
                        "properties": {key: {"type": "string"}},
                        "required": [key],
                        "additionalProperties": False,
                    }
                    for key in ("header", "cookie")
                ),
            ]
        }
    ),
]


class RolloutStep(Section):
    """From an instant on, so many of the callers, or one more ring."""

    at: Moment = Field(description="A date, or a length of time after the first step, such as +1w.")
    percent: Percent | None = Field(None, description="How many of the callers are moved.")
    ring: Text | None = Field(None, description="A ring that is moved from then on.")

    @model_validator(mode="after")
    def _any(self) -> RolloutStep:
        if self.percent is None and self.ring is None:
            raise bad("changes nothing: give percent, ring, or both")
        return self


class Override(Section):
    """A request header with which some callers choose for themselves: always, or never."""

    header: HeaderName = Field("Duskgate-Rollout", description="Its name. No backend gets it.")
    consumers: list[Text] = Field([], description="Consumers who may use it.")
    token: Secret | None = Field(None, description="Whoever has it may, too: always; token=...")

    @model_validator(mode="after")
    def _somebody(self) -> Override:
        if not self.consumers and self.token is None:
            raise bad("is for nobody: give consumers, token, or both")
        return self


_MOVERS = ("flag", "percent", "steps", "rings", "allow", "override")


class Rollout(Section):
    """Moving callers of a version to another one."""

    to: Text = Field(description="The version they are moved to.")
    flag: Text | None = Field(None, description="Those for whom this flag is on.")
    percent: Percent | None = Field(None, description="So many of them; always the same ones.")
    steps: list[RolloutStep] | None = Field(None, description="The same, growing with time.", min_length=1)
    by: By | None = Field(None, description="What a percentage is sticky by; left out: by consumer.")
    rings: list[Text] = Field([], description="Rings that are moved from the beginning.")
    allow: list[Text] = Field([], description="Consumers that are always moved.")
    deny: list[Text] = Field([], description="Consumers that are never moved.")
    override: Override | None = Field(None, description="A header with which some choose for themselves.")
    promote: Flag = Field(False, description="Move also callers who name the version.")
    guard: Guard | None = Field(None, description="What ends it without anybody asking.")

    @model_validator(mode="after")
    def _sound(self) -> Rollout:
        many = [key for key in ("flag", "percent", "steps") if getattr(self, key) is not None]
        if len(many) > 1:
            raise bad(f"takes one of flag, percent, steps; it has {' and '.join(many)}")
        if not any(getattr(self, key) not in (None, []) for key in _MOVERS):
            raise bad(f"moves nobody: give at least one of {', '.join(_MOVERS)}")
        shares = self.percent is not None or any(step.percent is not None for step in self.steps or ())
        if self.by is not None and not shares:
            raise bad("by goes with a percentage: percent, or steps with percent")
        return self


class Idempotent(Section):
    """An endpoint whose unsafe methods do no more when they are asked twice."""

    path: Text = Field(description="A path template below the api's path, such as /search.")
    methods: list[Method] = Field(min_length=1)


_COMPARING = ("headers", "ignore", "unordered", "tolerance", "values")


class Shadow(Section):
    """Sending copies of a version's requests to another one and comparing the answers."""

    to: Text = Field(description="The version that gets the copies.")
    sample: Percent = Field(10, description="How many of the requests are copied.")
    compare: Flag = Field(True, description="Compare the answers; otherwise the copies' answers are dropped.")
    headers: list[HeaderName] = Field([], description="Response headers that are compared too.")
    ignore: list[FieldPath] = Field([], description="Fields that may differ, with all that is below them.")
    unordered: list[FieldPath] = Field([], description="Lists whose order does not matter.")
    tolerance: dict[FieldPath, Tolerance] = Field({}, description="How far numbers may lie apart.")
    values: Flag = Field(False, description="Keep an example of each difference, with the values.")
    idempotent: list[Idempotent] = Field([], description="Unsafe requests that may be copied too.")
    concurrency: Annotated[Integer, Field(ge=1, le=256)] = Field(
        16, description="Copies at once, in a worker."
    )
    rate: Annotated[Integer, Field(ge=1, le=10_000)] = Field(20, description="Copies a second, in a worker.")
    max_body: Size = Field(256 * 2**10, description="Larger requests and answers are left out.")
    timeout: Positive = Field(10_000, description="For the whole exchange of a copy.")

    @model_validator(mode="after")
    def _sound(self) -> Shadow:
        if self.max_body is None or self.max_body > LARGEST_SHADOW:
            raise bad("max_body is kept in memory for each copy: 16MiB at the most")
        unused = [key for key in _COMPARING if key in self.model_fields_set]
        if not self.compare and unused:
            raise bad(f"compare is false, and then there is no use for {', '.join(unused)}")
        return self


class Version(Section):
    """A named generation of the api."""

    backend: Text | None = Field(None, description="Where its requests are sent.")
    rewrite: Annotated[str, StringConstraints(pattern=r"^/[^?#\s]*$")] | None = Field(
        None, description="Replaces the matched api path on the way to the backend."
    )
    rollout: Rollout | None = None
    shadow: Shadow | None = None
    lifecycle: Lifecycle | None = None


class EndpointVersion(Section):
    """An endpoint's own lifecycle in one version; what it leaves out, the version's lifecycle gives."""

    lifecycle: Lifecycle


class Endpoint(Section):
    """Method and path template whose rules differ from the api's."""

    path: Text = Field(description="A path template below the api's path, such as /users/{id}.")
    methods: list[Method] = Field([], description="Methods it covers; none named: all.")
    versions: dict[Text, EndpointVersion]

    @property
    def covered(self) -> frozenset[str]:
        """The methods; GET's are HEAD's too, which is GET without the content (RFC 9110 section 9.3.2)."""
        return frozenset(self.methods) | ({"HEAD"} if "GET" in self.methods else frozenset())


class ResolveStep(Section):
    """One way to read the wanted version off a request."""

    path: Flag | None = None
    header: HeaderName | None = None
    media_type: Text | None = None
    query: Text | None = None
    host: Text | None = None
    flag: Text | None = None
    version: Text | None = None

    @model_validator(mode="before")
    @classmethod
    def _word(cls, value: Any) -> Any:
        if isinstance(value, str):
            if value != "path":
                raise bad(f"{value!r} is not a resolver; write path, or header: NAME, query: NAME, ...")
            return {"path": True}
        return value

    @model_validator(mode="after")
    def _one(self) -> ResolveStep:
        exactly_one(self, "path", "header", "media_type", "query", "host", "flag")
        if (self.flag is None) != (self.version is None):
            raise bad("flag and version go together: {flag: NAME, version: VERSION}")
        for name in ("media_type", "host"):
            template = getattr(self, name)
            if template is not None and template.count("{version}") != 1:
                raise bad(f"{name} must hold {{version}} once")
        return self


Step = Annotated[
    ResolveStep,
    WithJsonSchema(
        {
            "anyOf": [
                {"const": "path"},
                *(
                    {
                        "type": "object",
                        "properties": {key: {"type": "string"}},
                        "required": [key],
                        "additionalProperties": False,
                    }
                    for key in ("header", "media_type", "query", "host")
                ),
                {
                    "type": "object",
                    "properties": {"flag": {"type": "string"}, "version": {"type": "string"}},
                    "required": ["flag", "version"],
                    "additionalProperties": False,
                },
            ]
        }
    ),
]


class Api(Section):
    """One HTTP API with versions behind one public surface."""

    path: Annotated[str, StringConstraints(pattern="^/")] = Field(
        description="The public path, with {version} where the version stands in it."
    )
    resolve: list[Step] | None = Field(None, description="Ways to read the version, strongest first.")
    default: Text | None = Field(None, description="The version of requests that name none.")
    lifecycle: Lifecycle | None = Field(None, description="What its versions inherit.")
    versions: dict[Name, Version] = Field(min_length=1)
    endpoints: list[Endpoint] = []

    @property
    def segments(self) -> tuple[str, ...]:
        """The path's segments."""
        return tuple(part for part in self.path.split("/") if part)

    @property
    def steps(self) -> tuple[ResolveStep, ...]:
        """The resolvers, as written or by default."""
        if self.resolve is not None:
            return tuple(self.resolve)
        return (ResolveStep(path=True),) if "{version}" in self.segments else ()


class Document(Section):
    """A whole gateway.yaml."""

    server: Server = Field(default_factory=lambda: Server.model_validate({}))
    admin: Admin = Field(default_factory=lambda: Admin.model_validate({}))
    flags: Flags | None = None
    ledger: Ledger | None = None
    feed: Feed = Field(default_factory=lambda: Feed.model_validate({}))
    identity: list[CallerName] = []
    consumers: dict[Name, Consumer] = {}
    rings: dict[Name, Annotated[list[Text], Field(min_length=1)]] = Field(
        {}, description="Groups of consumers by name, for rollouts to move one after the other."
    )
    backends: dict[Name, Backend] = {}
    minimum_notice: Span = Field(0, description="A shorter notice is warned of, in every lifecycle.")
    lifecycles: dict[Name, Lifecycle] = Field(
        {}, description="Lifecycles by name, for several versions to use."
    )
    apis: dict[Name, Api] = Field(min_length=1)
