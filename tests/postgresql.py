"""A PostgreSQL of our own: a cluster in a folder for temporary files, reached by a socket there."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.running import eventually, free_ports, installed

_numbers = count(1)


@dataclass(frozen=True)
class Cluster:
    """A running cluster. ``process`` is the postmaster."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes]

    def connect(self, database: str = "postgres") -> psycopg.Connection[Any]:
        return psycopg.connect(
            host=str(self.folder), port=self.port, user="duskgate", dbname=database, autocommit=True
        )

    def database(self) -> str:
        """A new, empty database's URL."""
        name = f"ledger_{next(_numbers)}"
        with self.connect() as connection:
            connection.execute(f"CREATE DATABASE {name}")  # type: ignore[arg-type, unused-ignore]
        return f"postgresql://duskgate@127.0.0.1:{self.port}/{name}"

    def backends(self) -> list[int]:
        """The processes that serve the connections of gateways."""
        with self.connect() as connection:
            found = connection.execute("SELECT pid FROM pg_stat_activity WHERE application_name = 'duskgate'")
            return [row[0] for row in found]

    def freeze(self, pids: list[int]) -> None:
        """The processes answer no more, and yet their connections stay."""
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)

    def thaw(self, pids: list[int]) -> None:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


@contextmanager
def cluster() -> Iterator[Cluster]:
    """A cluster for the length of a block. PostgreSQL refuses to run as root: then as Debian's postgres."""
    folder = Path(tempfile.mkdtemp(prefix="duskgate-pg-"))
    user = _unprivileged()
    if user is not None:
        os.chown(folder, user, -1)
    (port,) = free_ports(1)
    try:
        with (folder / "log").open("wb") as log:
            make = [installed("initdb"), "-D", str(folder / "data"), "-U", "duskgate", "-A", "trust", "-N"]
            subprocess.run(make, stdout=log, stderr=log, user=user, check=True, cwd="/")
            serve = [installed("postgres"), "-D", str(folder / "data"), "-k", str(folder), "-p", str(port)]
            serve += ["-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]
            process = subprocess.Popen(serve, stdout=log, stderr=log, user=user, cwd="/")
        one = Cluster(folder, port, process)
        try:
            eventually(lambda: _answers(one), "PostgreSQL's first answer")
            yield one
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(15)
            finally:
                process.kill()
                process.wait()
    finally:
        shutil.rmtree(folder)


def _answers(one: Cluster) -> bool | None:
    if one.process.poll() is not None:
        pytest.fail(f"PostgreSQL ended: {(one.folder / 'log').read_text()}", pytrace=False)
    try:
        one.connect().close()
    except psycopg.OperationalError:
        return None
    return True


def _unprivileged() -> int | None:
    return pwd.getpwnam("postgres").pw_uid if os.geteuid() == 0 else None
