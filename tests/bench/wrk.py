"""The load: wrk on kept connections, for as long as somebody looks on."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.bench.notices import API_KEY
from tests.bench.spawn import running

LONGEST = "120s"
"""When wrk gives up by itself; it is stopped long before."""

SCRIPT = """\
local paths = {paths}
local requests = {{}}
local at = 0
init = function(args)
  for number, path in ipairs(paths) do
    requests[number] = wrk.format("GET", path)
  end
end
request = function()
  at = at % #requests + 1
  return requests[at]
end
"""

_ERRORS = re.compile(r"Non-2xx or 3xx responses: (\d+)|(?:connect|read|write) (\d+)")


def program() -> str | None:
    """The program's path, if it is installed."""
    return shutil.which("wrk")


def script(paths: Sequence[str]) -> str:
    """A script that asks for one path after the other, again and again."""
    return SCRIPT.format(paths="{" + ",".join(map(json.dumps, paths)) + "}")


def errors(report: str) -> int:
    """How many requests wrk saw fail. What it calls a timeout is an answer that came later, so none."""
    return sum(int(one or other) for one, other in _ERRORS.findall(report))


class Load:
    """A running wrk."""

    def __init__(self, process: subprocess.Popen[bytes], connections: int) -> None:
        self._process = process
        self.connections = connections

    def stop(self) -> int:
        """End it; the number of requests that failed."""
        self._process.send_signal(signal.SIGINT)
        report, _ = self._process.communicate(timeout=60)
        return errors(report.decode())


@contextmanager
def load(
    port: int, paths: Sequence[str], connections: int, cores: frozenset[int], folder: Path
) -> Iterator[Load]:
    """Ask 127.0.0.1 for these paths without a pause."""
    options = ["-t1", f"-c{connections}", f"-d{LONGEST}", "--timeout", "60s", "-H", f"X-Api-Key: {API_KEY}"]
    if len(paths) > 1:
        (folder / "paths.lua").write_text(script(paths), encoding="ascii")
        options += ["-s", str(folder / "paths.lua")]
    command = [program() or "wrk", *options, f"http://127.0.0.1:{port}{paths[0]}"]
    with running(command, cores) as process:
        yield Load(process, connections)
