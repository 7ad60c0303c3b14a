"""The gateway itself: its ports, its flags, its ledger, its notice feed."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, model_validator

from duskgate.config.models.base import Attribute, HeaderName, HeaderValue, Positive, Section, Text
from duskgate.config.scalars import (
    Address,
    Database,
    Flag,
    Integer,
    Lasting,
    Listen,
    Peer,
    Size,
    Span,
    Url,
    WebUrl,
    bad,
)

MINUTE = 60_000


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
