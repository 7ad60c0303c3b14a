"""Apis, their versions and endpoints, and how a version is read off a request."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, StringConstraints, WithJsonSchema, model_validator

from duskgate.config.models.base import HeaderName, Method, Name, Section, Text, exactly_one
from duskgate.config.models.lifecycle import Lifecycle
from duskgate.config.models.rollout import Rollout
from duskgate.config.models.shadow import Shadow
from duskgate.config.scalars import Flag, bad


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
    endpoints: list[Endpoint] = Field([], description="Methods and paths whose rules differ.")

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
