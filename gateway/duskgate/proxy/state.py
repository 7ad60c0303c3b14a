"""What a worker serves with right now, and taking over changed files without losing a request."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from duskgate.config import Loaded
from duskgate.config.current import Current
from duskgate.config.watch import changes
from duskgate.control.in_force import PlanInForce
from duskgate.control.seen import SeenFile
from duskgate.feed.memory_file import MemoryFile
from duskgate.flags import GatewayFlags, InvalidFlags
from duskgate.policy.plan import Backend, Plan
from duskgate.proxy.run_dir import LAST_GOOD_CONFIG, LAST_GOOD_FLAGS, LAST_GOOD_OVERRIDES, SEEN
from duskgate.proxy.tokens import TokensInForce
from duskgate.proxy.upstream.backend import BackendUpstream, Observer
from duskgate.proxy.upstream.httpx import HttpxTransport
from duskgate.proxy.upstream.native import NativeTransport
from duskgate.proxy.upstream.protocol import Upstream
from duskgate.usage.backends import BackendMetrics
from duskgate.usage.instruments import Instruments

logger = logging.getLogger("duskgate")

IN_THE_PLAN = {"country", "context"}
"""Keys of ``flags`` that are taken over with the plan, unlike the rest of that section."""

LINGER_SECONDS = 60.0
"""How long a replaced backend's connections stay open for the requests that still use them."""


class Upstreams(Mapping[str, Upstream]):
    """One transport for each backend of the plan; a backend that did not change keeps its connections."""

    def __init__(self, backends: Mapping[str, Backend], observer: Observer) -> None:
        self._observer = observer
        self._backends: dict[str, Backend] = {}
        self._upstreams: dict[str, BackendUpstream] = {}
        self._closing: dict[asyncio.Task[None], Upstream] = {}
        self.take_over(backends)

    def take_over(self, backends: Mapping[str, Backend]) -> None:
        """Serve these backends from now on: all of them, or none of the new ones if one cannot be made.

        Replaced ones are closed once their requests had time to end.
        """
        made = {
            name: _upstream(backend, self._observer)
            for name, backend in backends.items()
            if self._backends.get(name) != backend
        }
        for name in [*made, *(self._backends.keys() - backends.keys())]:
            self._retire(self._upstreams.pop(name, None))
        self._upstreams.update(made)
        self._backends = dict(backends)

    def _retire(self, upstream: BackendUpstream | None) -> None:
        if upstream is None:
            return
        upstream.stop_probing()  # the one that comes after it says how the targets are

        async def close_later() -> None:
            await asyncio.sleep(LINGER_SECONDS)
            await upstream.aclose()

        task = asyncio.get_running_loop().create_task(close_later())
        self._closing[task] = upstream
        task.add_done_callback(lambda done: self._closing.pop(done, None))

    async def aclose(self) -> None:
        """Close every idle connection now, and the busy ones as they become free."""
        retired = list(self._closing.items())
        for task, _ in retired:
            task.cancel()
        for upstream in [*self._upstreams.values(), *(upstream for _, upstream in retired)]:
            await upstream.aclose()

    def __getitem__(self, name: str) -> Upstream:
        return self._upstreams[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._upstreams)

    def __len__(self) -> int:
        return len(self._upstreams)


def _upstream(backend: Backend, observer: Observer) -> BackendUpstream:
    make = HttpxTransport if backend.transport == "httpx" else NativeTransport
    return BackendUpstream(backend, make, observer)


def _at_start(loaded: Loaded, name: str) -> object:
    """The part of a section that counts only at the start."""
    section = getattr(loaded.document, name)
    left_out = {"server": {"trusted_proxies"}, "flags": IN_THE_PLAN}.get(name, set())
    return section.model_dump(exclude=left_out) if section is not None else None


class State:
    """The configuration in force in one worker, with all that hangs on it."""

    def __init__(self, config: Path, instruments: Instruments, run_dir: Path | None = None) -> None:
        """Load the files. Raises InvalidConfig or InvalidFlags if they cannot be used.

        ``run_dir`` is where copies of the last good files are kept for workers that are started later.
        """
        self.current = Current.start(config, run_dir / LAST_GOOD_CONFIG if run_dir is not None else None)
        loaded = self.current.loaded
        self.in_force = PlanInForce(loaded)
        self.feed_memory = MemoryFile(loaded.state)
        self._seen = SeenFile(run_dir / SEEN) if run_dir is not None else None
        self._refresh_seen()
        self.instruments = instruments
        self._provider = loaded.document.flags.provider if loaded.document.flags is not None else ""
        self.flags = GatewayFlags.open(
            loaded,
            self._note_provider,
            good_flags=run_dir / LAST_GOOD_FLAGS if run_dir is not None else None,
            good_overrides=run_dir / LAST_GOOD_OVERRIDES if run_dir is not None else None,
        )
        self.upstreams = Upstreams(loaded.plan.backends, BackendMetrics(instruments))
        self.tokens = TokensInForce(loaded.plan.identity, instruments, run_dir)
        self._note("config", good=not self.current.rejected)
        self._note("switches", good=not self.in_force.broken)
        if self.flags is not None:
            if self.flags.file is not None:
                self._note("flags", good=not self.flags.file.rejected)
            self._note("overrides", good=self.flags.overrides.fault is None)
            self._say_overrides(self.flags.overrides.fault)

    def plan(self) -> Plan:
        """The plan in force."""
        return self.in_force.plan

    async def watch(self) -> None:
        """Take over changed files until cancelled."""
        file = self.flags.file if self.flags is not None else None
        paths = [self.current.loaded.path, *([file.path] if file is not None else [])]
        overrides = self.flags.overrides.path if self.flags is not None else None
        beside = (self.in_force.switches.path, self._seen.path if self._seen is not None else None, overrides)
        paths += [path for path in beside if path is not None and path.parent.is_dir()]
        database = self.current.loaded.ledger_path
        async for _ in changes(paths, [database] if database is not None else []):
            self.refresh()

    def refresh(self) -> None:
        """Look at the files; take over what changed and is sound, keep the last good of what is not."""
        self._refresh_switches()
        self._refresh_seen()
        self.feed_memory.refresh()
        self._refresh_overrides()
        flags_changed = self._refresh_flags()
        before = self.current.loaded
        result = self.current.refresh(self._prepare, again=flags_changed)
        if result is None:
            return
        if result:
            self.in_force.take_over(self.current.loaded)
            self.tokens.take_over(self.current.loaded.plan.identity)
            self._say(before, self.current.loaded)
        self._note("config", good=result)

    def _prepare(self, loaded: Loaded) -> None:
        self.upstreams.take_over(loaded.plan.backends)

    def _refresh_switches(self) -> None:
        was_broken = self.in_force.broken
        changed = self.in_force.refresh()
        if changed:
            logger.info("switches taken over from %s", self.in_force.switches.path)
        if changed or was_broken != self.in_force.broken:
            self._note("switches", good=not self.in_force.broken)

    def _refresh_seen(self) -> None:
        """Who called before a freeze, as the admin process found out."""
        if self._seen is not None and self._seen.refresh():
            self.in_force.remember(self._seen.seen)

    def _say(self, before: Loaded, now: Loaded) -> None:
        logger.info("configuration %s taken over", now.plan.digest)
        for name in ("server", "admin", "flags", "ledger", "feed"):
            if _at_start(before, name) != _at_start(now, name):
                logger.warning("changes to %s take effect at the next start", name)

    def _refresh_flags(self) -> bool:
        file = self.flags.file if self.flags is not None else None
        if file is None:
            return False
        try:
            changed = file.refresh()
        except InvalidFlags as error:
            logger.error("flags rejected, the last good ones stay: %s", error)
            self._note("flags", good=False)
            return False
        if changed:
            logger.info("flags taken over from %s", file.path)
            self._note("flags", good=True)
        return changed

    def _refresh_overrides(self) -> None:
        """The flags that operators flipped for single callers."""
        if self.flags is None:
            return
        overrides, before = self.flags.overrides, self.flags.overrides.fault
        changed = overrides.refresh()
        if changed:
            logger.info("flag overrides taken over from %s", overrides.path)
        if changed or before != overrides.fault:
            self._note("overrides", good=overrides.fault is None)
            self._say_overrides(overrides.fault)

    def _say_overrides(self, fault: str | None) -> None:
        if fault is not None:
            logger.error("flag overrides rejected, the last good ones stay: %s", fault)

    def _note_provider(self, up: bool) -> None:
        self.instruments.flag_provider_up.labels(self._provider).set(1 if up else 0)

    def _note(self, file: str, *, good: bool) -> None:
        metrics = self.instruments
        metrics.reloads.labels(file, "taken-over" if good else "rejected").inc()
        metrics.config_ok.labels(file).set(1 if good else 0)
        if good:
            metrics.config_time.labels(file).set(time.time())
