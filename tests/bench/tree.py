"""What a process and all its descendants used, as the operating system counted it (proc(5))."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
TICKS = os.sysconf("SC_CLK_TCK")
KIB = 1024

_STATE, _PARENT, _CPU, _STARTED = 0, 1, slice(11, 15), 19
"""Fields of /proc/PID/stat behind the name; ``_CPU`` is utime, stime, cutime and cstime."""


@dataclass(frozen=True, slots=True)
class Process:
    """One line of the process table. ``started`` tells it from a later process with the same number."""

    pid: int
    parent: int
    ticks: int
    started: int

    @classmethod
    def read(cls, pid: int) -> Process | None:
        """The process with this number, if it is there and no zombie."""
        try:
            stat = (PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return None
        fields = stat.rpartition(")")[2].split()
        if fields[_STATE] in "ZX":
            return None
        return cls(pid, int(fields[_PARENT]), sum(map(int, fields[_CPU])), int(fields[_STARTED]))


def tree(root: int) -> list[Process]:
    """The process and its descendants, itself first."""
    everyone = [Process.read(int(entry.name)) for entry in PROC.iterdir() if entry.name.isdigit()]
    children: dict[int, list[Process]] = {}
    found: list[Process] = []
    for one in everyone:
        if one is not None:
            children.setdefault(one.parent, []).append(one)
            if one.pid == root:
                found.append(one)
    for one in found:
        found += children.get(one.pid, [])
    return found


def cpu_seconds(root: int) -> float:
    """CPU time of every thread of the tree, in user mode and kernel, ended and reaped children included."""
    return sum(one.ticks for one in tree(root)) / TICKS


def resident_bytes(root: int) -> int:
    """Sum of the tree's resident set sizes; a page that several share counts for each."""
    return _memory(root, "VmRSS")


def peak_bytes(root: int) -> int:
    """Sum of each process's largest resident set since ``reset_peaks``: no less than the true peak."""
    return _memory(root, "VmHWM")


def reset_peaks(root: int) -> None:
    """Let the peaks begin at what is resident now."""
    for one in tree(root):
        (PROC / str(one.pid) / "clear_refs").write_text("5", encoding="ascii")


def _memory(root: int, field: str) -> int:
    return sum(_field(one.pid, field) for one in tree(root)) * KIB


def _field(pid: int, field: str) -> int:
    try:
        lines = (PROC / str(pid) / "status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(field + ":")), 0)


def core_seconds(core: int) -> float:
    """For how long a core was not idle since the machine started, in this machine's own eyes."""
    lines = (PROC / "stat").read_text(encoding="ascii").splitlines()
    values = next(line.split()[1:] for line in lines if line.startswith(f"cpu{core} "))
    user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, values[:8])
    return (user + nice + system + irq + softirq + steal) / TICKS
