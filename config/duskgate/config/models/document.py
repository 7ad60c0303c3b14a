"""A whole gateway.yaml."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from duskgate.config.models.api import Api
from duskgate.config.models.backends import Backend
from duskgate.config.models.base import Name, Section, Text
from duskgate.config.models.callers import CallerName, Consumer
from duskgate.config.models.gateway import Admin, Feed, Flags, Ledger, Server
from duskgate.config.models.lifecycle import Lifecycle
from duskgate.config.scalars import Span


class Document(Section):
    """A whole gateway.yaml."""

    server: Server = Field(default_factory=lambda: Server.model_validate({}))
    admin: Admin = Field(default_factory=lambda: Admin.model_validate({}))
    flags: Flags | None = None
    ledger: Ledger | None = None
    feed: Feed = Field(default_factory=lambda: Feed.model_validate({}))
    identity: list[CallerName] = Field([], description="Ways to name the caller; the first that does counts.")
    consumers: dict[Name, Consumer] = Field({}, description="Consumers known by name.")
    rings: dict[Name, Annotated[list[Text], Field(min_length=1)]] = Field(
        {}, description="Groups of consumers by name, for rollouts to move one after the other."
    )
    backends: dict[Name, Backend] = Field({}, description="Where requests are sent, by name.")
    minimum_notice: Span = Field(0, description="A shorter notice is warned of, in every lifecycle.")
    lifecycles: dict[Name, Lifecycle] = Field(
        {}, description="Lifecycles by name, for several versions to use."
    )
    apis: dict[Name, Api] = Field(min_length=1)
