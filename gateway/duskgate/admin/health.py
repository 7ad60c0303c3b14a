"""Whether the gateway lives and is ready, from the marks its workers leave in the run directory."""

from __future__ import annotations

import os
from pathlib import Path

from prometheus_client.multiprocess import mark_process_dead

from duskgate.proxy.run_dir import WORKERS


def live_workers(run_dir: Path) -> list[int]:
    """The pids of the workers that are ready. What killed workers left behind is cleared away."""
    alive = []
    for mark in sorted((run_dir / WORKERS).glob("*")):
        pid = int(mark.name)
        if runs(pid):
            alive.append(pid)
        else:
            mark.unlink(missing_ok=True)
            mark_process_dead(pid, str(run_dir))  # type: ignore[no-untyped-call]
    return alive


def runs(pid: int) -> bool:
    """Whether a process is there."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
