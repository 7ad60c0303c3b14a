"""What the figures were measured on, and with."""

from __future__ import annotations

import os
import platform
import sysconfig
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.bench.grid import PEERS
from tests.bench.peer import version_of
from tests.bench.spawn import Cores


def facts(cores: Cores) -> dict[str, Any]:
    """The machine, and the versions of everything that takes part."""
    return {
        "cores": os.cpu_count(),
        "processor": processor(Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "python_compiled_with": sysconfig.get_config_var("PY_CFLAGS"),
        "proxy_core": cores.proxy,
        "load_cores": sorted(cores.load),
        "load_average": load_average(),
        "versions": {peer.name: peer.version() for peer in PEERS if peer.program() is not None}
        | {"wrk": version_of("wrk", "-v")},
    }


def load_average() -> list[float]:
    """The system's load over 1, 5 and 15 minutes."""
    return [round(value, 2) for value in os.getloadavg()]


def processor(cpuinfo: Iterable[str]) -> str:
    """The processor's name for people, if it has one."""
    names = (line.partition(":")[2].strip() for line in cpuinfo if line.startswith("model name"))
    return next(names, platform.machine())
