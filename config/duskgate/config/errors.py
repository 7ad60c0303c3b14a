"""What is wrong with a configuration, where, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class ConfigError(Exception):
    """One mistake. ``line`` and ``column`` count from 1; ``key`` is the dotted path to what is wrong."""

    file: str
    line: int
    column: int
    key: str
    reason: str
    hint: str = ""

    def __str__(self) -> str:
        key = f" {self.key}:" if self.key else ""
        hint = f" ({self.hint})" if self.hint else ""
        return f"{self.file}:{self.line}:{self.column}:{key} {self.reason}{hint}"


class InvalidConfig(Exception):
    """Every mistake found in a configuration, in the order of the file."""

    def __init__(self, errors: Iterable[ConfigError]) -> None:
        self.errors = tuple(sorted(errors, key=lambda error: (error.file, error.line, error.column)))
        super().__init__("\n".join(map(str, self.errors)))
