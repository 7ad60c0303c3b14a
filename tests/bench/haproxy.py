"""HAProxy, one thread, connections to the backend shared by all callers."""

from __future__ import annotations

from collections.abc import Mapping

from tests.bench.notices import NOTICES
from tests.bench.peer import Packaged
from tests.bench.place import Place

CONFIG = """\
global
    nbthread 1
    maxconn 4096
defaults
    mode http
    timeout connect 5s
    timeout client 1h
    timeout server 1h
    timeout http-keep-alive 1h
    http-reuse always
    option forwardfor
frontend callers
    bind 127.0.0.1:{port} backlog 1024
    default_backend answers
backend answers
    server one 127.0.0.1:{backend} pool-purge-delay 1h
{notices}
"""


class Haproxy(Packaged):
    name = "haproxy"
    title = "HAProxy"

    def files(self, place: Place) -> Mapping[str, str]:
        notices = "\n".join(f"    http-response add-header {name} '{value}'" for name, value in NOTICES)
        return {"haproxy.cfg": CONFIG.format(port=place.port, backend=place.backend, notices=notices)}

    def command(self, place: Place) -> list[str]:
        return [self.program() or self.name, "-db", "-f", str(place.folder / "haproxy.cfg")]
