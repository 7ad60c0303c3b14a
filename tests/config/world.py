"""The smallest gateway.yaml, and how these tests read one."""

from collections.abc import Mapping
from pathlib import Path

from duskgate.config import ConfigError, InvalidConfig, Loaded, loads
from duskgate.policy import Forward, Lifecycle, decide, request

SMALLEST = """
backends: {old: {url: "http://127.0.0.1:9001"}}
apis: {accounts: {path: /api, default: v1, versions: {v1: {backend: old}}}}
"""


def read(text: str, env: Mapping[str, str] | None = None) -> Loaded:
    return loads(text, Path("gateway.yaml"), env or {})


def section(text: str, env: Mapping[str, str] | None = None) -> Loaded:
    """``SMALLEST`` with one more section at its top."""
    return read(text + SMALLEST, env)


def errors(text: str) -> tuple[ConfigError, ...]:
    """What is wrong with a text; nothing, if it loads. Any other exception comes through."""
    try:
        read(text)
    except InvalidConfig as refused:
        return refused.errors
    return ()


def lifecycle_of(loaded: Loaded, target: str) -> Lifecycle:
    """The lifecycle that a request is under, before anything has ended."""
    decision = decide(loaded.plan, request("GET", target), {}, -(10**15))
    assert isinstance(decision, Forward)
    return decision.rule.lifecycle
