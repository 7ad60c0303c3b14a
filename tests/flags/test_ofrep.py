"""Flags of a service that speaks OFREP: asked in time, remembered, and not waited for while it is ill."""

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from duskgate.flags.far import ENOUGH, MOST_KNOWN, PROBES
from tests.flags.asking import Asking, run
from tests.flags.ofrep import Ofrep, ofrep
from tests.running import free_ports

PATIENT, SHORT = 20.0, 0.1
"""Deadlines in s: for answers that come, and for those that do not."""


@pytest.fixture
def service() -> Iterator[Ofrep]:
    with ofrep() as one:
        one.on["f"] = {"alice"}
        yield one


def section(service: Ofrep, more: str = "") -> str:
    return f'{{provider: ofrep, url: "{service.url}"{more}}}'


def test_the_service_decides_for_each_caller(service: Ofrep, tmp_path: Path) -> None:
    async def story(flags: Asking) -> list[tuple[bool, str]]:
        return [await flags.ask("alice"), await flags.ask("bob"), await flags.ask("alice", "g")]

    found = run(section(service), tmp_path, story, PATIENT)
    assert found == [(True, "yes"), (False, "no"), (False, "error:FLAG_NOT_FOUND")]


def test_it_is_told_the_context_and_given_the_headers(service: Ofrep, tmp_path: Path) -> None:
    async def story(flags: Asking) -> None:
        await flags.ask("alice", country="NO", api="a")

    run(section(service, ', headers: {Authorization: "Bearer t"}'), tmp_path, story, PATIENT)
    assert service.asked == [("f", {"targetingKey": "alice", "country": "NO", "api": "a"})]
    assert service.headers == ["Bearer t"]


async def fall_silent(service: Ofrep, flags: Asking) -> None:
    """Let it be silent, and ask for somebody until it is known to be ill."""
    service.silent = True
    async with asyncio.timeout(30):
        while not flags.at_once("nobody"):  # noqa: ASYNC110  it is the service that is looked at
            await asyncio.sleep(SHORT / 2)


def test_silence_is_answered_by_what_was_known_else_off_at_once_after_a_while(
    service: Ofrep, tmp_path: Path
) -> None:
    async def story(flags: Asking) -> list[tuple[bool, str]]:
        await flags.until((True, "yes"), "alice")
        service.silent = True
        waited = [await flags.ask("alice"), await flags.ask("carol")]
        await fall_silent(service, flags)
        assert [flags.at_once("alice"), flags.at_once("carol")] == [True, True]
        return [*waited, await flags.ask("alice"), await flags.ask("carol")]

    found = run(section(service), tmp_path, story, SHORT)
    assert found == [
        (True, "error:TIMEOUT:yes"),
        (False, "error:TIMEOUT"),
        (True, "error:NOT_ASKED:yes"),
        (False, "error:NOT_ASKED"),
    ]


def test_an_ill_service_is_asked_no_more_than_a_little_and_believed_again_when_it_answers(
    service: Ofrep, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "duskgate")

    async def story(flags: Asking) -> int:
        await flags.until((True, "yes"), "alice")
        await fall_silent(service, flags)
        before = len(service.asked)
        for _ in range(200):
            await flags.ask("alice")
        asked = len(service.asked) - before
        service.on["f"] = {"bob"}
        service.silent = False
        await flags.until((True, "yes"), "bob")
        assert flags.health == [True, False, True]
        return asked

    assert run(section(service), tmp_path, story, SHORT) <= ENOUGH + PROBES
    lines = [record.getMessage() for record in caplog.records if record.name == "duskgate"]
    assert [line.partition(":")[0] for line in lines] == [
        "flag provider ofrep does not answer",
        "flag provider ofrep answers again",
    ]


@pytest.mark.parametrize("status", [400, 401, 500, 503])
def test_an_error_of_the_service_is_no_word_on_the_flag(service: Ofrep, tmp_path: Path, status: int) -> None:
    async def story(flags: Asking) -> tuple[bool, str]:
        await flags.until((True, "yes"), "alice")
        service.status = status
        return await flags.ask("alice")

    assert run(section(service), tmp_path, story, PATIENT) == (True, "error:GENERAL:yes")


def test_a_service_that_is_not_there_is_asked_until_it_is(tmp_path: Path) -> None:
    (port,) = free_ports(1)

    async def story(flags: Asking) -> None:
        assert (await flags.ask("alice"))[0] is False
        with ofrep(port) as service:
            service.on["f"] = {"alice"}
            await flags.until((True, "yes"), "alice")

    run(f'{{provider: ofrep, url: "http://127.0.0.1:{port}"}}', tmp_path, story, 1.0)


def test_the_loop_goes_on_while_the_service_is_silent(service: Ofrep, tmp_path: Path) -> None:
    async def story(flags: Asking) -> None:
        service.silent = True
        waiting = asyncio.ensure_future(flags.ask("alice"))
        turns = 0
        while not service.asked or turns < 100:
            await asyncio.sleep(0)
            turns += 1
        assert not waiting.done()
        service.silent = False
        assert await waiting == (True, "yes")

    run(section(service), tmp_path, story, PATIENT)


def test_an_override_is_not_asked_for(service: Ofrep, tmp_path: Path) -> None:
    (tmp_path / "flags.overrides").write_text('{"f": {"bob": "on", "alice": "off"}}')

    async def story(flags: Asking) -> list[tuple[bool, str]]:
        return [await flags.ask("bob"), await flags.ask("alice")]

    found = run(section(service), tmp_path, story, PATIENT)
    assert found == [(True, "override-on"), (False, "override-off")]
    assert service.asked == []


def test_what_is_known_is_bounded(service: Ofrep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MOST_KNOWN == 10_000
    monkeypatch.setattr("duskgate.flags.far.MOST_KNOWN", 2)
    service.on["f"] = {"a", "b", "c"}

    async def story(flags: Asking) -> list[bool]:
        for name in ("a", "b", "a", "c", "x" * 300):
            await flags.ask(name)
        service.status = 500
        return [(await flags.ask(name))[0] for name in ("a", "b", "c")]

    assert run(section(service), tmp_path, story, PATIENT) == [True, False, True]


def test_too_many_at_once_are_not_begun(
    service: Ofrep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("duskgate.flags.far.MOST_WAITING", 4)

    async def story(flags: Asking) -> list[tuple[bool, str]]:
        service.silent = True
        waiting = [asyncio.ensure_future(flags.ask("alice")) for _ in range(6)]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        service.silent = False
        return await asyncio.gather(*waiting)

    found = run(section(service), tmp_path, story, PATIENT)
    assert sorted(found) == [(False, "error:NOT_ASKED")] * 2 + [(True, "yes")] * 4
