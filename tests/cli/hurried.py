"""The server of ``duskgate serve``, with granian's clocks going faster than any test could wait.

``python -m tests.cli.hurried CONFIG RUN_DIR``. Granian looks at its workers' memory each 30 s, takes no age
under 60 s, and waits 30 s for a request's head; here it is a second each.
"""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path

from duskgate.cli.serve import RUN_DIR, load_worker
from duskgate.cli.server import DrainingServer
from duskgate.config import load
from duskgate.proxy.run_dir import WORKERS


def main(config: Path, run_dir: Path) -> None:
    os.environ[RUN_DIR] = str(run_dir)
    (run_dir / WORKERS).mkdir()
    server = DrainingServer(load(config).document.server, run_dir)
    server.rss_sample_interval = 1
    server.respawn_interval = 1
    assert server.http1_settings is not None
    server.http1_settings.header_read_timeout = 1000

    @server.on_startup
    def after_the_check_of_ages() -> None:
        if server.workers_lifetime is not None:
            server.workers_lifetime = 1

    server.serve(target_loader=partial(load_worker, config, run_dir, 0), wrap_loader=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
