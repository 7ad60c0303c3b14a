"""Flags of flagd, by its Python provider and real gRPC: asked for each, or rules sent and evaluated here."""

import asyncio
from pathlib import Path

import pytest

from tests.flags.asking import Asking, run
from tests.flags.flagd import Flagd, flagd
from tests.running import free_ports

RESOLVERS = ["rpc", "in-process"]
PATIENT = 20.0


def section(port: int, resolver: str) -> str:
    return f"{{provider: flagd, host: 127.0.0.1, port: {port}, resolver: {resolver}}}"


@pytest.mark.parametrize("resolver", RESOLVERS)
def test_flagd_decides_for_each_caller(tmp_path: Path, resolver: str) -> None:
    async def story(flags: Asking) -> list[tuple[bool, str]]:
        await flags.until((True, "on"), "alice")
        return [await flags.ask("alice"), await flags.ask("bob"), await flags.ask("alice", "g")]

    with flagd({"alice"}) as service:
        found = run(section(service.port, resolver), tmp_path, story, PATIENT)
    assert found == [(True, "on"), (False, "off"), (False, "error:FLAG_NOT_FOUND")]


@pytest.mark.parametrize("resolver", RESOLVERS)
def test_what_changes_there_changes_here(tmp_path: Path, resolver: str) -> None:
    with flagd({"alice"}) as service:

        async def story(flags: Asking) -> None:
            await flags.until((True, "on"), "alice")
            service.on = {"bob"}
            await flags.until((True, "on"), "bob")
            await flags.until((False, "off"), "alice")

        run(section(service.port, resolver), tmp_path, story, PATIENT)


def test_rules_in_process_are_answered_at_once_and_outlive_the_connection(tmp_path: Path) -> None:
    async def story(flags: Asking, service: Flagd) -> None:
        await flags.until((True, "on"), "alice")
        assert flags.at_once("alice")
        assert service.asked == []

    with flagd({"alice"}) as service:
        run(section(service.port, "in-process"), tmp_path, lambda flags: story(flags, service))


@pytest.mark.parametrize("resolver", RESOLVERS)
def test_a_flagd_that_is_not_there_is_waited_for_by_nobody_and_used_when_it_is(
    tmp_path: Path, resolver: str
) -> None:
    (port,) = free_ports(1)

    async def story(flags: Asking) -> None:
        assert (await flags.ask("alice"))[0] is False
        assert flags.health == [False]
        with flagd({"alice"}, port):
            await flags.until((True, "on"), "alice")
            async with asyncio.timeout(10):
                while not flags.health[-1]:  # the rules may come a moment before the word that all is well
                    await flags.ask("alice")
                    await asyncio.sleep(0.02)
        assert await flags.ask("alice") in (
            (True, "on"),
            (True, "error:TIMEOUT:on"),
            (True, "error:GENERAL:on"),
        )

    run(section(port, resolver), tmp_path, story, None if resolver == "in-process" else 0.2)
