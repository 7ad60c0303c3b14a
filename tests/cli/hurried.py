"""The servers of ``duskgate serve``, with granian's clocks going faster than any test could wait.

``python -m tests.cli.hurried CONFIG RUN_DIR``. Granian looks at its workers' memory each 30 s, and takes no
age under 60 s; here it is a second each.
"""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path

from duskgate.cli.serve import RUN_DIR, listening, load_worker
from duskgate.cli.server import DrainingServer, SharedSocketServer
from duskgate.config import load
from duskgate.proxy.run_dir import WORKERS


def main(config: Path, run_dir: Path) -> None:
    os.environ[RUN_DIR] = str(run_dir)
    (run_dir / WORKERS).mkdir()
    settings = load(config).document.server
    load_app = partial(load_worker, config, run_dir, 0)
    if settings.http2:
        granian = DrainingServer(settings, run_dir)
        hurry(granian)
        granian.serve(target_loader=load_app, wrap_loader=False)
        return
    with listening(settings.listen) as shared:
        own = SharedSocketServer(settings, run_dir, shared)
        hurry(own)
        own.run(load_app)


def hurry(server: DrainingServer) -> None:
    server.rss_sample_interval = 1
    server.respawn_interval = 1

    @server.on_startup
    def after_the_check_of_ages() -> None:
        if server.workers_lifetime is not None:
            server.workers_lifetime = 1


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
