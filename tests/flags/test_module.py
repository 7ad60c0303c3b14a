"""Any OpenFeature provider, by the function that makes it: found, given its options, and survived."""

import asyncio
import sys
import textwrap
from pathlib import Path

import pytest
from click.testing import CliRunner

from duskgate.cli.main import main
from duskgate.config import InvalidConfig, loads
from tests.flags.asking import YAML, Asking, run

PROVIDER = """
    import threading, time
    from openfeature.exception import ProviderFatalError
    from openfeature.flag_evaluation import FlagResolutionDetails
    from openfeature.provider import AbstractProvider, Metadata

    made = []

    class Provider(AbstractProvider):
        def __init__(self, options):
            super().__init__()
            self.options = options
        def get_metadata(self):
            return Metadata("mine")
        def initialize(self, context):
            if self.options.get("hangs"):
                threading.Event().wait()
            if self.options.get("fails"):
                raise OSError("cannot be reached")
        def resolve_boolean_details(self, flag_key, default_value, evaluation_context=None):
            if self.options.get("raises"):
                raise SystemExit("no")
            on = evaluation_context.targeting_key in self.options["on"]["callers"]
            return FlagResolutionDetails(on, variant="mine")
        resolve_string_details = resolve_integer_details = None
        resolve_float_details = resolve_object_details = None

    def make(options):
        made.append(options)
        if options.get("late") and len(made) < 2:
            raise RuntimeError("not yet")
        return Provider(options)
"""


@pytest.fixture(autouse=True)
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    name = f"provider_of_{tmp_path.name}"
    (tmp_path / f"{name}.py").write_text(textwrap.dedent(PROVIDER))
    monkeypatch.syspath_prepend(str(tmp_path))
    return name


def section(module: str, more: str = "") -> str:
    return f"{{provider: '{module}:make', options: {{on: {{callers: [alice]}}{more}}}}}"


def test_the_factory_is_given_its_options(module: str, tmp_path: Path) -> None:
    async def story(flags: Asking) -> list[tuple[bool, str]]:
        return [await flags.ask("alice"), await flags.ask("bob")]

    assert run(section(module), tmp_path, story, 20.0) == [(True, "mine"), (False, "mine")]


def test_one_that_fails_to_initialize_is_asked_all_the_same(module: str, tmp_path: Path) -> None:
    async def story(flags: Asking) -> None:
        assert flags.health == [False]
        assert await flags.ask("alice") == (True, "mine")
        assert flags.health == [False, True]

    run(section(module, ", fails: yes"), tmp_path, story, 20.0)


def test_one_that_cannot_be_made_is_made_later(
    module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("duskgate.flags.set_up.AGAIN_SECONDS", 0.05)

    async def story(flags: Asking) -> None:
        await flags.until((True, "mine"), "alice")
        assert flags.health == [False, True]

    run(section(module, ", late: yes"), tmp_path, story, 20.0)


def test_nobody_waits_for_one_that_is_never_initialized(
    module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("duskgate.flags.set_up.SLOW_SECONDS", 0.05)

    async def story(flags: Asking) -> None:
        while not flags.health:
            assert flags.at_once("alice")
        assert await flags.ask("alice") == (False, "error:NOT_ASKED")

    async def told() -> None:
        await story(Asking(section(module, ", hangs: yes"), tmp_path))

    asyncio.run(told())


def test_one_that_would_end_the_process_does_not(module: str, tmp_path: Path) -> None:
    async def story(flags: Asking) -> tuple[bool, str]:
        return await flags.ask("alice")

    assert run(section(module, ", raises: yes"), tmp_path, story, 20.0) == (False, "error:GENERAL")


def check(provider: str, folder: Path) -> str:
    config = folder / "gateway.yaml"
    config.write_text(YAML.replace("@flags", f"{{provider: '{provider}'}}"))
    result = CliRunner().invoke(main, ["check", str(config)])
    return f"{result.exit_code} {result.output}"


def test_check_looks_for_the_function(module: str, tmp_path: Path) -> None:
    assert check(f"{module}:make", tmp_path).startswith("0 ")
    (tmp_path / "broken_module.py").write_text("1 / 0")
    assert f"2 duskgate: flags.provider: the module {module} has no function mak" in check(
        f"{module}:mak", tmp_path
    )
    said = check("broken_module:make", tmp_path)
    assert "2 duskgate: flags.provider: importing the module broken_module fails: ZeroDivisionError" in said


@pytest.mark.parametrize("provider", ["flagd", "ofrep"])
def test_an_extra_that_is_not_installed_is_named(provider: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, f"openfeature.contrib.provider.{provider}", None)
    url = ", url: 'http://127.0.0.1:1'" if provider == "ofrep" else ""
    text = YAML.replace("@flags", f"{{provider: {provider}{url}}}")
    with pytest.raises(InvalidConfig) as refused:
        loads(text, Path("gateway.yaml"), {})
    assert str(refused.value) == (
        f"gateway.yaml:2:19: flags.provider: openfeature-provider-{provider}, which speaks to it, is not"
        f" installed (pip install 'duskgate[{provider}]')"
    )
