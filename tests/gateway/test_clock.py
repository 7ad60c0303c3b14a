"""``duskgate serve --clock``: a whole gateway that lives at another time, and says so on every answer."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from duskgate.cli.clock import own_state, saying
from duskgate.cli.main import main
from duskgate.config import loads
from duskgate.middleware.clock import shifted, system_clock
from duskgate.policy.instants import instant_of_text, rfc3339
from tests.backends import Conversation, exchange, raw_backend, replying
from tests.gateway.endings import Endings, endings, until
from tests.policy.world import ms
from tests.proxy.test_sse import HEAD, chunked, listening
from tests.running import eventually

START = ms("2031-01-01")
"""Where the clock starts, and the first endpoint ends."""

OWN = b"HTTP/1.1 200 OK\r\nDuskgate-Clock: 1999-01-01T00:00:00Z\r\ncontent-length: 0\r\n\r\n"


def stream(conversation: Conversation) -> None:
    conversation.send(HEAD + b"transfer-encoding: chunked\r\n\r\n" + chunked(b"begun\n"))
    conversation.socket.settimeout(20)
    conversation.socket.recv(1)


@pytest.fixture(scope="module")
def staging(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endings]:
    with raw_backend() as backend:
        backend.scripts[b"/own"] = replying(OWN)
        backend.scripts[b"accept=stream"] = stream
        folder = tmp_path_factory.mktemp("staging")
        clock = ("--clock", rfc3339(START))
        with endings(folder, backend, START, *clock, more="ledger: {url: 'sqlite:///staging.db'}") as one:
            yield one
    assert "Traceback" not in one.log()


def clock_of(answer: httpx.Response) -> int:
    """The gateway's time by the one header that tells it."""
    (text,) = answer.headers.get_list("duskgate-clock")
    return instant_of_text(text)


def shift_of(staging: Endings) -> int:
    clock = staging.ready()["clock"]
    assert isinstance(clock, dict)
    assert clock.keys() == {"now", "shift_ms"}
    assert abs(instant_of_text(clock["now"]) - system_clock() - clock["shift_ms"]) < 2_000
    return int(clock["shift_ms"])


def test_a_sunset_comes_as_its_clock_passes_it_in_both_workers_and_without_a_reload(staging: Endings) -> None:
    shift = shift_of(staging)
    before = staging.in_force()
    path, sunset = staging.ahead(system_clock() + shift, 1_500)
    early = staging.answers(path)
    assert {one.status_code for one in early} == {200}
    assert all(START <= clock_of(one) < sunset for one in early)
    assert {one.headers["sunset"][:16] for one in early} == {"Wed, 01 Jan 2031"}
    until(sunset - shift)
    late = staging.answers(path)
    assert {one.status_code for one in late} == {410}
    assert all(sunset <= clock_of(one) < sunset + 10_000 for one in late)
    assert staging.in_force() == before


ANSWERS = [
    ("GET", "/api/v1/own", {}, 200),
    ("HEAD", "/api/v1/x", {}, 200),
    ("GET", "/api/v1/0", {}, 410),
    ("GET", "/api/v9/x", {}, 404),
    ("GET", "/elsewhere", {}, 404),
    ("GET", "/api/v1/x", {"Api-Version": "v2"}, 400),
    ("GET", "/api/v2/x", {}, 502),
]


@pytest.mark.parametrize(("method", "path", "headers", "status"), ANSWERS)
def test_every_answer_says_what_time_it_is(
    staging: Endings, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    answer = httpx.request(method, staging.gateway.base + path, headers=headers, trust_env=False)
    assert answer.status_code == status
    assert abs(clock_of(answer) - system_clock() - shift_of(staging)) < 2_000


def test_a_refused_websocket_says_it_too(staging: Endings) -> None:
    with socket.create_connection(("127.0.0.1", staging.port), timeout=5) as connection:
        upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        connection.sendall(f"GET /api/v1/0 HTTP/1.1\r\nHost: h\r\n{upgrade}{key}\r\n".encode())
        head = connection.recv(65536).lower()
    assert head.startswith(b"http/1.1 410 ")
    assert head.count(b"\r\nduskgate-clock: 2031-01-01t") == 1


def test_what_is_no_request_is_told_it_too(staging: Endings) -> None:
    head = exchange(staging.port, b"GET / HT\r\n\r\n").lower()
    assert head.startswith(b"http/1.1 400 ")
    assert head.count(b"\r\nduskgate-clock: 2031-01-01t") == 1


def test_streams_end_by_that_clock(staging: Endings) -> None:
    shift = shift_of(staging)
    path, sunset = staging.ahead(system_clock() + shift, 1_500)
    with listening(staging.port, f"{path}?accept=stream".encode()) as reader:
        reader.until(b"begun")
        reader.connection.settimeout(15)
        while reader.connection.recv(65536):
            pass
    ended = system_clock() + shift
    assert sunset + 100 <= ended < sunset + 5_000


def test_metrics_tell_the_shift(staging: Endings) -> None:
    page = staging.gateway.metrics()
    (value,) = [
        line.split()[1] for line in page.splitlines() if line.startswith("duskgate_clock_shift_seconds ")
    ]
    assert float(value) == shift_of(staging) / 1000


def test_the_log_is_loud_about_it_and_the_access_log_keeps_real_time(staging: Endings) -> None:
    assert staging.log().count("WARNING THE CLOCK IS SHIFTED: it is 2031-01-01T00:0") == 1
    staging.gateway.get("/api/v1/logged")

    def stamps() -> list[str] | None:
        lines = [line for line in staging.log().splitlines() if "/api/v1/logged" in line]
        return [json.loads(line)["time"] for line in lines] or None

    (stamp,) = eventually(stamps, "the line of the access log")
    assert abs(instant_of_text(stamp) - system_clock()) < 10_000


def test_no_ledger_is_written(staging: Endings) -> None:
    assert "For staging only: the ledger is not written." in staging.log()
    assert list(staging.folder.glob("*.db*")) == []


def test_processes_that_are_started_later_have_the_same_clock(staging: Endings) -> None:
    shift = shift_of(staging)
    old = staging.gateway.workers()
    assert len(old) == 2
    children = Path(f"/proc/{staging.gateway.process.pid}/task/{staging.gateway.process.pid}/children")
    for pid in children.read_text().split():
        if int(pid) in old or b"duskgate.admin" in Path(f"/proc/{pid}/cmdline").read_bytes():
            os.kill(int(pid), signal.SIGKILL)

    def renewed() -> bool | None:
        try:
            return (staging.both_ready() and not set(old) & set(staging.gateway.workers())) or None
        except httpx.TransportError:
            return None

    eventually(renewed, "two new workers and a new admin server")
    assert shift_of(staging) == shift
    path, sunset = staging.ahead(system_clock() + shift, 1_500)
    assert {one.status_code for one in staging.answers(path)} == {200}
    until(sunset - shift)
    late = staging.answers(path)
    assert {one.status_code for one in late} == {410}
    assert all(clock_of(one) >= sunset for one in late)


# without a gateway


def test_a_clock_that_is_not_shifted_is_the_clock_itself() -> None:
    assert shifted(system_clock, 0) is system_clock
    assert shifted(lambda: 5, -7)() == -2


@pytest.mark.parametrize(("shift", "said"), [(90_000, "1 min 30 s ahead of"), (-7_200_000, "2 h behind")])
def test_it_is_said_again_and_again_while_it_lasts(shift: int, said: str) -> None:
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("duskgate")
    logger.addHandler(handler)
    try:
        with saying(shift, every=0.01):
            assert len(lines) >= 1, "at once"
            eventually(lambda: len(lines) >= 4 or None, "again and again", 5)
        ended = len(lines)
        time.sleep(0.05)
        assert len(lines) == ended
        with saying(0, every=0.01):
            time.sleep(0.05)
        assert len(lines) == ended
    finally:
        logger.removeHandler(handler)
    assert all(f"{said} the machine's time" in line for line in lines)


def test_what_is_no_time_is_wrong_input(tmp_path: Path) -> None:
    (tmp_path / "gateway.yaml").write_text(GATED.replace("@state", ""))
    result = CliRunner().invoke(main, ["serve", str(tmp_path / "gateway.yaml"), "--clock", "soon"])
    assert result.exit_code == 2
    assert "--clock: 'soon' is not a date" in result.stderr


GATED = """
server: {listen: "127.0.0.1:8080"@state}
backends: {one: {url: "http://127.0.0.1:9001"}}
apis: {accounts: {path: /api, default: v1, versions: {v1: {backend: one, lifecycle: {
  sunset: 2031-01-01, accept: {critical_unseen: 1d}}}}}}
"""
UNGATED = GATED.replace(", accept: {critical_unseen: 1d}", "").replace("}}}}}", "}}, v2: {backend: one}}}}")


def test_gates_judged_at_another_time_are_not_put_on_record_for_the_real_gateway(tmp_path: Path) -> None:
    config = tmp_path / "gateway.yaml"
    config.write_text(GATED.replace("@state", ""))
    result = CliRunner().invoke(main, ["serve", str(config), "--clock", "2031-01-01"])
    assert result.exit_code == 2
    assert "set server.state to a folder of this one's own" in result.stderr
    guarded = UNGATED.replace("v2: {backend: one}", "v2: {backend: one, @rollout}").replace(
        "@rollout", "rollout: {to: v1, percent: 5, guard: {max_error_delta: 1%}}"
    )
    for yaml in (GATED, guarded):
        with pytest.raises(SystemExit):
            own_state(loads(yaml.replace("@state", ""), config, {}), shifted=True)
    own_state(loads(UNGATED.replace("@state", ""), config, {}), shifted=True)
    assert {path.name for path in tmp_path.iterdir()} == {"gateway.yaml"}


@pytest.mark.parametrize("first", [True, False], ids=["staging first", "staging second"])
def test_a_state_folder_goes_by_one_time(
    first: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    loaded = loads(GATED.replace("@state", ", state: there"), tmp_path / "gateway.yaml", {})
    for _ in range(2):
        own_state(loaded, shifted=first)
    with pytest.raises(SystemExit) as stopped:
        own_state(loaded, shifted=not first)
    assert stopped.value.code == 2
    assert "set server.state to another folder" in capsys.readouterr().err


def test_switches_from_before_are_the_real_gateways(tmp_path: Path) -> None:
    loaded = loads(GATED.replace("@state", ", state: there"), tmp_path / "gateway.yaml", {})
    (tmp_path / "there").mkdir()
    (tmp_path / "there/switches.json").write_text("{}")
    with pytest.raises(SystemExit):
        own_state(loaded, shifted=True)
    own_state(loaded, shifted=False)
