"""Waiting for a program to answer, and what it answers."""

from __future__ import annotations

import http.client
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from tests.bench.notices import API_KEY

START_SECONDS = 120.0


class CannotMeasure(Exception):
    """Something that was to be measured does not run, or not as it should."""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: list[tuple[str, str]]
    body: bytes


def ask(port: int, path: str) -> Answer:
    """One request on a connection of its own. Raises OSError or HTTPException."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path, headers={"X-Api-Key": API_KEY})
        response = connection.getresponse()
        return Answer(response.status, response.getheaders(), response.read())
    finally:
        connection.close()


def wait_for(process: subprocess.Popen[bytes], port: int, path: str, log: Path) -> Answer:
    """The first answer with status 200. Raises CannotMeasure if the program ends or takes too long."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise CannotMeasure(f"{process.args!r} ended with {process.returncode}:\n{tail(log)}")
        try:
            answer = ask(port, path)
            if answer.status == 200:
                return answer
        except (OSError, http.client.HTTPException):
            pass
        time.sleep(0.05)
    raise CannotMeasure(f"{process.args!r} does not answer:\n{tail(log)}")


def tail(log: Path) -> str:
    """The end of a program's output."""
    return log.read_text(encoding="utf-8", errors="replace")[-2000:]
