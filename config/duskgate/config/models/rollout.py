"""Moving callers from one version to another."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, WithJsonSchema, model_validator

from duskgate.config.models.base import HeaderName, Secret, Section, Text, exactly_one
from duskgate.config.models.gateway import MINUTE
from duskgate.config.scalars import Flag, Integer, Moment, Percent, Ratio, Span, bad


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
