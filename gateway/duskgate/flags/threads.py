"""A few threads for calls that block, none of which keeps the process from ending."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue


class Threads:
    """Runs work in the order given. Nothing bounds how much waits: whoever submits it does."""

    def __init__(self, number: int, name: str) -> None:
        self._number = number
        self._name = name
        self._work: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._started = 0

    def submit(self, work: Callable[[], None]) -> None:
        """Run ``work``, which must not raise, as soon as a thread is free."""
        self._work.put(work)
        if self._started < self._number:
            self._started += 1
            threading.Thread(target=self._run, name=f"{self._name}-{self._started}", daemon=True).start()

    def _run(self) -> None:
        while True:
            self._work.get()()
