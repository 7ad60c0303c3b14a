"""The admin server's process, which ``duskgate serve`` starts.

``python -m duskgate.admin CONFIG RUN_DIR CLOCK_SHIFT``, the shift in ms.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import sys
from pathlib import Path

import uvicorn

from duskgate.admin.app import AdminApp
from duskgate.admin.counted import Counted
from duskgate.admin.following import Following
from duskgate.admin.guards import Guards
from duskgate.admin.keeper import Keeper
from duskgate.admin.records import CurrentRecords
from duskgate.config.current import Current
from duskgate.feed.keeper import FeedKeeper
from duskgate.middleware.clock import shifted, system_clock
from duskgate.proxy.parent import parent_gone
from duskgate.proxy.run_dir import LAST_GOOD_CONFIG
from duskgate.usage.written import Written


async def serve(config: Path, run_dir: Path, clock_shift: int = 0) -> None:
    """Serve until told to stop, or until the parent process is gone. ``clock_shift`` in ms, for staging."""
    current = Current.start(config, run_dir / LAST_GOOD_CONFIG)
    listen = current.loaded.document.admin.listen
    following = Following(current)
    clock = shifted(system_clock, clock_shift)
    counted = Counted(run_dir)
    # a staging gateway writes no ledger, and takes what is there for all there is
    written = counted.written if not clock_shift else lambda: Written(system_clock(), 0)
    records = CurrentRecords(lambda: following.loaded, written)
    keeper = Keeper(following, run_dir, records, clock)
    guards = Guards(following, counted, clock)
    app = AdminApp(following, keeper, run_dir, clock_shift=clock_shift, guards=guards).build()
    settings = uvicorn.Config(
        app, host=listen.host, port=listen.port, log_level="warning", access_log=False, lifespan="off"
    )
    server = uvicorn.Server(settings)
    parent = os.getppid()

    async def follow_parent() -> None:
        await parent_gone()
        server.should_exit = True

    loop = asyncio.get_running_loop()
    beside = [
        loop.create_task(follow_parent()),
        loop.create_task(keeper.run()),
        loop.create_task(guards.run()),
    ]
    if not clock_shift:  # dates of another time are nothing to remember
        feed = FeedKeeper(lambda: following.loaded, lambda: following.plan)
        beside.append(loop.create_task(feed.run()))
    await server.serve()
    for task in beside:
        task.cancel()
    if os.getppid() != parent:
        shutil.rmtree(run_dir, ignore_errors=True)  # the supervisor was killed and cannot clean up


if __name__ == "__main__":
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("duskgate").setLevel(logging.INFO)
    asyncio.run(serve(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])))
