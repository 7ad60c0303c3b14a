"""The documentation says what the program does: each page is held to the code that it is about."""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
import tomllib
import types
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
import httpx
import pytest
import yaml
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics import MetricWrapperBase
from pydantic import BaseModel, create_model
from pydantic.fields import FieldInfo
from starlette.types import ASGIApp

from duskgate.admin.following import Following
from duskgate.admin.metrics import PlanCollector
from duskgate.cli.main import main
from duskgate.config import Document, InvalidConfig, load, loads
from duskgate.config.current import Current
from duskgate.config.models import Section
from duskgate.config.tree import parse
from duskgate.feed.room import FEED
from duskgate.middleware import exchange
from duskgate.policy.copies import Uncopied
from duskgate.policy.lifecycle import Phase
from duskgate.policy.timeline import Kind
from duskgate.proxy.app import build_app
from duskgate.proxy.downstream import refusals
from duskgate.proxy.shadow.compare import Kind as DifferenceKind
from duskgate.proxy.shadow.noise import Verdict
from duskgate.proxy.shadow.readiness import Readiness
from duskgate.usage import recorder
from duskgate.usage.instruments import Instruments
from tests.docs.pages import DOCS, PAGES, ROOT, anchors, as_written, blocks, code, links, page, rows, sections

SHIPPED = ROOT / "config" / "gateway.yaml"
CONFIG = page("config-reference.md")
METRICS = page("metrics.md")


# links and snippets


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_relative_link_resolves(path: Path) -> None:
    for link in links(path.read_text(encoding="utf-8")):
        if link.startswith(("http://", "https://")):
            continue
        target, _, fragment = link.partition("#")
        found = (path.parent / target).resolve() if target else path
        assert found.exists(), f"{path.name} links to {link}"
        assert found.is_relative_to(ROOT)
        if fragment:
            assert fragment in anchors(found.read_text(encoding="utf-8")), f"{path.name} links to {link}"


def test_the_readme_leads_to_every_page() -> None:
    assert {f"docs/{path.name}" for path in DOCS.glob("*.md")} <= set(links(page("README.md")))


MARKED = [
    pytest.param(block.text, block.mark, id=f"{path.name}-{number}")
    for path in PAGES
    for number, block in enumerate(blocks(path.read_text(encoding="utf-8")))
    if block.mark.startswith("complete")
]


@pytest.mark.parametrize(("text", "mark"), MARKED)
def test_complete_configurations_load(text: str, mark: str) -> None:
    loaded = loads(text, SHIPPED, {}, standalone=mark == "complete: standalone")
    assert loaded.warnings == ()


def test_yaml_without_a_mark_is_an_oversight() -> None:
    unmarked = [
        path.name
        for path in PAGES
        for one in blocks(path.read_text("utf-8"))
        if one.kind == "yaml" and not one.mark
    ]
    assert unmarked == []


# README


@pytest.fixture
def readme_app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ASGIApp:
    found = blocks(page("README.md"))
    lifecycle = next(block.text for block in found if block.mark == "complete: standalone")
    (tmp_path / "lifecycle.yaml").write_text(lifecycle, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "readme"}
    source = next(block.text for block in found if block.kind == "python")
    exec(compile(source, "README.md", "exec"), names)  # noqa: S102  the README's own code
    app: ASGIApp = names["app"]
    return app


@pytest.mark.parametrize(
    ("path", "status", "notices"),
    [
        ("/api/v1/users/42", 200, True),
        ("/api/v2/users/42", 200, False),
        ("/api/v1/users/42/avatar", 410, True),
        ("/api/v9/users/42", 404, False),
        ("/docs", 200, False),
    ],
)
def test_the_readmes_middleware_runs(readme_app: ASGIApp, path: str, status: int, notices: bool) -> None:
    async def get() -> httpx.Response:
        transport = httpx.ASGITransport(readme_app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.get(path)

    answer = asyncio.run(get())
    assert answer.status_code == status
    assert ("deprecation" in answer.headers, "sunset" in answer.headers) == (notices, notices)
    if status == 410:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["successor"] == "/api/v2/users/42/avatar"
    if status == 200 and path != "/docs":
        assert answer.json() == {"version": path.split("/")[2], "user": "42"}


def test_the_readmes_past_date_is_accepted() -> None:
    date = re.search(r"`(\d{4}-\d{2}-\d{2})`\s+will\s+do", page("README.md"))
    assert date is not None
    text = re.sub(r"sunset: 2036-01-01", f"sunset: {date[1]}", SHIPPED.read_text(encoding="utf-8"))
    assert date[1] in text
    loads(text, SHIPPED, {})


# config reference


def members(annotation: Any) -> Iterator[tuple[str, type[BaseModel]]]:
    """The models inside a type, each with what stands between it and its key: ``[]`` or ``.NAME``."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield "", annotation
    elif origin is typing.Annotated:
        yield from members(arguments[0])
    elif origin in (typing.Union, types.UnionType):
        for one in arguments:
            yield from members(one)
    elif origin in (list, dict):
        between = "[]" if origin is list else ".NAME"
        for suffix, model in members(arguments[-1]):
            yield between + suffix, model


def walk(model: type[BaseModel], place: str = "") -> Iterator[tuple[str, type[BaseModel]]]:
    """Every model below one, with its place in the YAML."""
    yield place or "gateway.yaml", model
    for name, field in model.model_fields.items():
        for between, below in members(field.annotation):
            yield from walk(below, f"{place}.{field.alias or name}{between}".lstrip("."))


MODELS: dict[type[BaseModel], str] = {model: place for place, model in reversed(list(walk(Document)))}
"""Each model with the first place where it stands; that is where it is described."""
FIELDS = {
    (place, field.alias or name): field
    for model, place in MODELS.items()
    for name, field in model.model_fields.items()
}
DESCRIBED = {
    (place, code(row[0])[0]): row
    for place, text in sections(CONFIG).items()
    if place in MODELS.values()
    for row in rows(text)
}


def taken(field: FieldInfo, key: str, written: str) -> Any:
    """What the model makes of a value as it is written in the YAML."""
    kind: Any = field.annotation
    one: Any = create_model("One", __base__=Section, value=(kind, field))
    tree = parse(f"{key}: {written}", "example", {})
    return one.model_validate(tree.value if field.alias else {"value": tree.value[key]}).value


def test_every_key_is_described_and_no_other() -> None:
    assert set(DESCRIBED) == set(FIELDS)


@pytest.mark.parametrize("at", FIELDS, ids=".".join)
def test_default_and_example_of_a_key_are_true(at: tuple[str, str]) -> None:
    field = FIELDS[at]
    _, kind, default, meaning, example = DESCRIBED[at]
    assert kind
    assert meaning
    taken(field, at[1], code(example)[0])
    if field.is_required():
        assert default == "required"
    elif field.default_factory is not None:
        assert default == "its own"
    elif field.default is None or field.default in ([], {}):
        assert default == "none"
    else:
        assert taken(field, at[1], code(default)[0]) == field.default


def changed(document: Any, key: str, value: Any) -> None:
    """Put a value at a dotted key, making mappings on the way."""
    *way, last = [int(part) if part.isdigit() else part for part in re.findall(r"[^.\[\]]+", key)]
    for part in way:
        document = document[part] if isinstance(part, int) else document.setdefault(part, {})
    document[last] = value


def whole_with(key: str, value: str) -> str:
    """The reference's whole file with one value changed."""
    document = as_written(next(block.text for block in blocks(CONFIG) if block.mark == "complete"))
    changed(document, key, None if value == "null" else as_written(value))
    text: str = yaml.safe_dump(document)
    return text


def described_mistakes(section: str) -> list[list[str]]:
    return [[code(cell)[0] for cell in row] for row in rows(sections(CONFIG)[section])]


ERRORS, WARNINGS = described_mistakes("Errors"), described_mistakes("Warnings")


@pytest.mark.parametrize(("key", "value", "error"), ERRORS, ids=[f"{row[0]}-{row[1]}" for row in ERRORS])
def test_errors_are_as_described(key: str, value: str, error: str) -> None:
    with pytest.raises(InvalidConfig) as caught:
        loads(whole_with(key, value), SHIPPED, {})
    assert any(str(one).endswith(error) for one in caught.value.errors), str(caught.value)


@pytest.mark.parametrize(
    ("key", "value", "warning"), WARNINGS, ids=[f"{row[0]}-{row[1]}" for row in WARNINGS]
)
def test_warnings_are_as_described(key: str, value: str, warning: str) -> None:
    found = loads(whole_with(key, value), SHIPPED, {}).warnings
    assert any(str(one).endswith(warning) for one in found), found


# metrics


def kept() -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Name, type and labels of every metric."""
    for metric in vars(Instruments()).values():
        if isinstance(metric, MetricWrapperBase):
            (family,) = metric.describe()
            name = f"{family.name}_total" if family.type == "counter" else family.name
            yield name, family.type, tuple(metric._labelnames)
    for family in PlanCollector(Following(Current(load(SHIPPED, {}))), []).collect():
        assert isinstance(family, GaugeMetricFamily)
        yield family.name, family.type, tuple(family._labelnames)


KEPT = list(kept())


def test_every_metric_is_described_and_no_other() -> None:
    described = {name for name in sections(METRICS) if name.startswith("duskgate_")}
    assert described == {name for name, _, _ in KEPT}


@pytest.mark.parametrize(("name", "kind", "labels"), KEPT, ids=[name for name, _, _ in KEPT])
def test_type_and_labels_of_a_metric_are_true(name: str, kind: str, labels: tuple[str, ...]) -> None:
    text = sections(METRICS)[name].strip()
    assert text.lower().startswith(kind)
    said = re.search(r"Labels: ([^.]*)\.", text)
    assert said is not None
    assert set(code(said[1])) == set(labels)
    explained = {word for row in rows(sections(METRICS)["Labels"]) for word in code(row[0])}
    assert set(labels) - {"digest"} <= explained


def listed(text: str) -> set[str]:
    """The words in the first column of a section's table."""
    return {code(row[0])[0] for row in rows(text)}


def test_phases_and_reasons_are_described_and_no_other() -> None:
    assert listed(sections(METRICS)["Phases"]) == {*(phase.value for phase in Phase), recorder.NONE}
    assert listed(sections(METRICS)["Reasons"]) == set(recorder._REASONS.values())


def sources(*folders: str) -> Iterator[ast.AST]:
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield from ast.walk(ast.parse(path.read_text(encoding="utf-8")))


def texts(node: ast.AST) -> Iterator[str]:
    return (
        one.value for one in ast.walk(node) if isinstance(one, ast.Constant) and isinstance(one.value, str)
    )


def problems(*folders: str) -> set[str]:
    """The name of every problem that is made anywhere: the second argument of ``Problem``."""
    calls = (node for node in sources(*folders) if isinstance(node, ast.Call) and len(node.args) > 1)
    return {
        name
        for call in calls
        if isinstance(call.func, ast.Name) and call.func.id == "Problem"
        for name in texts(call.args[1])
    }


def test_every_outcome_is_described() -> None:
    failures = {
        text
        for node in sources("middleware/duskgate/middleware", "gateway/duskgate/proxy")
        if isinstance(node, ast.Assign)
        and any(isinstance(target, ast.Attribute) and target.attr == "failure" for target in node.targets)
        for text in texts(node.value)
    }
    described = listed(sections(METRICS)["Outcomes"])
    assert failures <= described
    assert problems("gateway/duskgate/proxy") - {"bad-request"} <= described
    decided = {"forwarded", "grace", "grace_expiring", "rejected", "rehearsed", FEED}
    assert decided | set(exchange._OUTCOMES.values()) <= described


def reasons_to_drop() -> Iterator[str]:
    """Every reason for which a sample is dropped: what such a call is given, or such a function returns."""
    for node in sources("gateway/duskgate/proxy/shadow"):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in ("Incomparable", "dropped", "end"):
                yield from (text for argument in node.args for text in texts(argument))
        elif isinstance(node, ast.FunctionDef) and node.name in ("enter", "useless"):
            returned = (one.value for one in ast.walk(node) if isinstance(one, ast.Return) and one.value)
            for value in returned:
                found = [value.body, value.orelse] if isinstance(value, ast.IfExp) else [value]
                yield from (text for one in found for text in texts(one))


def test_what_comes_of_samples_is_described_and_nothing_else() -> None:
    assert listed(sections(METRICS)["Verdicts of samples"]) == set(Verdict) - {Verdict.DOUBTFUL}
    assert listed(sections(METRICS)["Kinds of difference"]) == set(DifferenceKind)
    assert listed(sections(METRICS)["Dropped samples"]) == {*reasons_to_drop(), *Uncopied}
    assert listed(sections(page("shadow.md"))["The report"]) == set(Readiness)


# what callers see


def test_every_problem_is_described_and_no_other() -> None:
    described = listed(sections(page("what-callers-see.md"))["Problems"].split("More members")[0])
    made = problems("middleware/duskgate/middleware", "gateway/duskgate/proxy", "gateway/duskgate/feed")
    assert described == made | {name for name, _, _ in refusals.PROBLEMS.values()}


# command line


def commands(group: click.Group, before: str = "") -> Iterator[tuple[str, click.Command]]:
    """Every command below a group by its whole name, groups themselves included."""
    for name, command in group.commands.items():
        yield before + name, command
        if isinstance(command, click.Group):
            yield from commands(command, f"{before}{name} ")


COMMANDS: Mapping[str, click.Command] = dict(commands(main))


def test_every_command_is_described_and_no_other() -> None:
    described = {
        name.removeprefix("duskgate ") for name in sections(page("cli.md")) if name.startswith("duskgate ")
    }
    assert described == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_options_and_arguments_of_a_command_are_described_and_no_other(name: str) -> None:
    command = COMMANDS[name]
    params = command.get_params(click.Context(command, help_option_names=["-h", "--help"]))
    options = {
        opt
        for param in params
        if isinstance(param, click.Option)
        for opt in (*param.opts, *param.secondary_opts)
    }
    text = sections(page("cli.md"))[f"duskgate {name}"]
    assert {word for row in rows(text) for word in code(row[0])} == options
    usage = next(one.text for one in blocks(page("cli.md")) if one.text.startswith(f"duskgate {name}"))
    arguments = [
        param.make_metavar(click.Context(command)) for param in params if isinstance(param, click.Argument)
    ] + ["COMMAND"] * isinstance(command, click.Group)
    assert usage.splitlines()[0] == " ".join(["duskgate", name, *arguments])


def test_every_kind_of_change_is_described_and_no_other() -> None:
    table = rows(sections(page("cli.md"))["Kinds of change"])
    assert {word for row in table for word in code(row[0])} == {kind.value for kind in Kind}


# the rest


def test_the_life_of_a_request_names_every_room_in_order() -> None:
    rooms = [name for name in sections(page("life-of-a-request.md")) if name.endswith(("Middleware", "App"))]
    source = inspect.getsource(build_app).partition('"""')[2]
    built = re.findall(r"(?:app|forward)(?:: ASGIApp)? = (\w+)\(|return (\w+)\(", source)
    # a room that stands in the stack twice is told of where it comes first
    assert rooms == list(dict.fromkeys(a or b for a, b in reversed(built)))


def test_every_dependency_is_justified() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = [*project["project"]["dependencies"], *project["build-system"]["requires"]]
    for extra in project["project"]["optional-dependencies"].values():
        wanted += extra
    names = {re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0] for requirement in wanted}
    described = {code(row[1])[0] for row in rows(page("dependencies.md")) if len(row) > 2}
    assert described == names


def test_the_glossary_has_no_word_twice() -> None:
    words = [row[0] for row in rows(page("glossary.md"))]
    assert len(words) == len(set(words))
