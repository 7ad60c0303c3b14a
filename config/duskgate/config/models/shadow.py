"""Copies of requests for another version."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from duskgate.config.models.base import HeaderName, Method, Positive, Section, Text
from duskgate.config.scalars import FieldPath, Flag, Integer, Percent, Size, Tolerance, bad

LARGEST_SHADOW = 16 * 2**20
"""Bytes of the largest body that a shadow may keep."""


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
