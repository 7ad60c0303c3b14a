"""Caddy, which takes one processor because its core is the only one it sees."""

from __future__ import annotations

from collections.abc import Mapping

from tests.bench.notices import NOTICES
from tests.bench.peer import Packaged
from tests.bench.place import Place

CONFIG = """\
{{
	admin off
	auto_https off
}}
http://:{port} {{
	bind 127.0.0.1
	header {{
{notices}
	}}
	reverse_proxy 127.0.0.1:{backend} {{
		transport http {{
			keepalive 1h
			keepalive_idle_conns_per_host 512
		}}
	}}
}}
"""


class Caddy(Packaged):
    name = "caddy"
    title = "Caddy"
    version_option = "version"

    def files(self, place: Place) -> Mapping[str, str]:
        notices = "\n".join(f"\t\t+{name} `{value}`" for name, value in NOTICES)
        return {"Caddyfile": CONFIG.format(port=place.port, backend=place.backend, notices=notices)}

    def command(self, place: Place) -> list[str]:
        config = str(place.folder / "Caddyfile")
        return [self.program() or self.name, "run", "--adapter", "caddyfile", "--config", config]

    def env(self, place: Place) -> Mapping[str, str]:
        return {name: str(place.folder) for name in ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME")}
