"""The committed JSON Schema is the models' own, and accepts what the gateway accepts."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from duskgate.config.schema import schema_text

ROOT = Path(__file__).resolve().parents[2]
COMMITTED = ROOT / "config" / "gateway.schema.json"
BAD = Path(__file__).parent / "bad"


class Editor(yaml.SafeLoader):
    """Reads YAML as editors do: by YAML 1.2, where a date is a text."""


Editor.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith("timestamp")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def problems(file: Path) -> list[str]:
    document: Any = yaml.load(file.read_text(encoding="utf-8"), Loader=Editor)  # noqa: S506
    checker = jsonschema.Draft202012Validator(json.loads(schema_text()))
    return [error.message for error in checker.iter_errors(document)]


def test_it_is_committed() -> None:
    assert COMMITTED.read_text(encoding="utf-8") == schema_text(), "run make schema"


def test_it_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(json.loads(schema_text()))


@pytest.mark.parametrize(
    "file",
    [ROOT / "config" / "gateway.yaml", Path(__file__).parent / "sample.yaml"],
    ids=lambda file: file.name,
)
def test_it_accepts(file: Path) -> None:
    assert problems(file) == []


@pytest.mark.parametrize(
    "name", ["unknown-keys", "wrong-types", "missing-keys", "misspelt-dates", "resolvers"]
)
def test_it_refuses(name: str) -> None:
    assert problems(BAD / f"{name}.yaml") != []
