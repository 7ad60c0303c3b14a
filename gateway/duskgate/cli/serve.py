"""``duskgate serve``: the supervisor of the workers and of the admin server."""

from __future__ import annotations

import os
import resource
import socket
import subprocess
import sys
import tempfile
import threading
from functools import partial
from pathlib import Path

import click

from duskgate.cli.clock import own_state, saying
from duskgate.cli.common import config_argument, fail, load_or_fail, moment, show_warnings
from duskgate.cli.logs import set_up_logging
from duskgate.cli.server import DrainingServer, SharedSocketServer
from duskgate.config import Loaded
from duskgate.config.key import (
    FILE,
    IDENTITY_KEY,
    BrokenKey,
    given_key,
    make_key,
    own_key,
    readable_by_others,
)
from duskgate.config.scalars import Listen
from duskgate.middleware.asgi import ASGIApp
from duskgate.middleware.clock import system_clock
from duskgate.proxy.run_dir import WORKERS

RUN_DIR = "PROMETHEUS_MULTIPROC_DIR"
"""Read by prometheus-client when it is first imported: by workers, and never by the supervisor."""

BACKLOG = 2048
"""Connections that the system keeps until a worker takes them; it may keep fewer."""

FILES_BESIDES = 256
"""Open files of a worker that are no connections: code, counts, watches, what the server keeps."""


@click.command()
@config_argument
@click.option("--clock", metavar="TIME", help="For staging: as if it were TIME at the start.")
def serve(config: Path, clock: str | None) -> None:
    """Serve CONFIG until SIGTERM or SIGINT."""
    loaded = load_or_fail(config)
    shift = 0 if clock is None else moment("--clock", clock) - system_clock()
    own_state(loaded, shifted=bool(shift))
    show_warnings(loaded.warnings)
    document = loaded.document
    reserve("server.listen", document.server.listen)
    reserve("admin.listen", document.admin.listen)
    os.environ[IDENTITY_KEY] = _lasting_key(loaded).decode()
    set_up_logging()
    warn_of_few_files(document.server.max_connections)
    with tempfile.TemporaryDirectory(prefix="duskgate-") as run:
        run_dir = Path(run)
        (run_dir / WORKERS).mkdir()
        os.environ[RUN_DIR] = run
        admin = AdminProcess(loaded.path.absolute(), run_dir, shift)
        admin.start()
        try:
            with saying(shift):
                _run(loaded, run_dir, shift)
        finally:
            admin.stop()


def _lasting_key(loaded: Loaded) -> bytes:
    """The key of the digests, for all processes of this gateway; kept in a file where there is a ledger."""
    given, folder = given_key(os.environ), loaded.key_folder
    if given or folder is None:
        return given or own_key()
    path = folder / FILE
    if readable_by_others(path):
        click.echo(f"warning: {path}: others may read it; chmod 600 it", err=True)
    try:
        return make_key(path)
    except BrokenKey as error:
        fail(str(error))
    except OSError as error:
        reason = f"cannot be written ({error.strerror}): unknown callers get other digests at each start"
        click.echo(f"warning: {path}: {reason}", err=True)
        return own_key()


def reserve(key: str, listen: Listen) -> None:
    """Fail early, and in words, if the port is taken."""
    family = socket.AF_INET6 if ":" in listen.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((listen.host, listen.port))
        except OSError as error:
            reason = error.strerror or str(error)
            fail(f"{key}: cannot listen on {listen}: {reason}; stop what uses it, or choose another port")


def listening(listen: Listen) -> socket.socket:
    """The socket that all workers accept connections from."""
    family = socket.AF_INET6 if ":" in listen.host else socket.AF_INET
    return socket.create_server((listen.host, listen.port), family=family, backlog=BACKLOG)


def warn_of_few_files(connections: int) -> None:
    """Say so if the system lets a worker open fewer files than so many connections need.

    A worker that runs out of them answers nobody new. Granian raises the soft limit to the hard one itself.
    """
    wanted = FILES_BESIDES + 2 * connections  # a caller's connection, and one to a backend
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard != resource.RLIM_INFINITY and hard < wanted:
        click.echo(
            f"warning: server.max_connections: {connections} connections can need {wanted} open files, and"
            f" the system allows {hard}: set LimitNOFILE= or ulimit -n higher, or max_connections lower",
            err=True,
        )


def _run(loaded: Loaded, run_dir: Path, clock_shift: int) -> None:
    server = loaded.document.server
    admin = loaded.document.admin
    click.echo(f"duskgate: serving {loaded.path} on http://{server.listen}, admin on http://{admin.listen}")
    load = partial(load_worker, loaded.path.absolute(), run_dir, clock_shift)
    if server.http2:
        DrainingServer(server, run_dir).serve(target_loader=load, wrap_loader=False)
    else:
        with listening(server.listen) as socket_of_all:
            SharedSocketServer(server, run_dir, socket_of_all, clock_shift).run(load)


def load_worker(config: Path, run_dir: Path, clock_shift: int) -> ASGIApp:
    """Make the ASGI application inside a new worker process."""
    from duskgate.proxy.worker import Worker

    set_up_logging()
    return Worker(config, run_dir, clock_shift)


STOP_SECONDS = 5.0
"""How long the admin server may take to end its answers."""


class AdminProcess:
    """The admin server in a process of its own: nothing it does can slow a request. Restarted if it dies."""

    def __init__(self, config: Path, run_dir: Path, clock_shift: int) -> None:
        place = [str(config), str(run_dir), str(clock_shift)]
        self._command = [sys.executable, "-m", "duskgate.admin", *place]
        self._stopping = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._keeper = threading.Thread(target=self._keep, name="admin-keeper", daemon=True)

    def start(self) -> None:
        """Start it, in a session of its own so that Ctrl-C reaches it through us."""
        self._process = subprocess.Popen(self._command, start_new_session=True)
        self._keeper.start()

    def stop(self) -> None:
        """Stop it and wait."""
        self._stopping.set()
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def _keep(self) -> None:
        while self._process is not None:
            self._process.wait()
            if self._stopping.wait(1.0):
                return
            click.echo("duskgate: the admin server died and is started again", err=True)
            self._process = subprocess.Popen(self._command, start_new_session=True)
