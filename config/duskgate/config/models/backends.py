"""Where requests are sent."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from duskgate.config.models.base import Positive, Section, Text, exactly_one
from duskgate.config.scalars import Integer, Lasting, Url


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
