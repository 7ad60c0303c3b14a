"""nginx, as a proxy and as the backend of all proxies."""

from __future__ import annotations

import os
from collections.abc import Mapping

from tests.bench.notices import NOTICES
from tests.bench.peer import Packaged
from tests.bench.place import Place

FRAME = """\
daemon off;
{user}
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  keepalive_requests 1000000000;
  keepalive_timeout 1h;
  client_body_temp_path {folder}/client;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
{http}
}}
"""

PROXY = """\
  upstream backend {{
    server 127.0.0.1:{backend};
    keepalive 512;
    keepalive_requests 1000000000;
    keepalive_timeout 1h;
  }}
  server {{
    listen 127.0.0.1:{port} backlog=1024;
    location / {{
      proxy_pass http://backend;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_max_temp_file_size 0;
{notices}
    }}
  }}"""


def frame(folder: object, http: str) -> str:
    """A whole nginx.conf around the content of ``http``; the worker may read what this process wrote."""
    user = "user root;" if os.geteuid() == 0 else ""
    return FRAME.format(user=user, folder=folder, http=http)


class Nginx(Packaged):
    """One worker, a pool of kept connections, no temporary files."""

    name = "nginx"
    title = "nginx"

    def files(self, place: Place) -> Mapping[str, str]:
        notices = "\n".join(f"      add_header {name} '{value}';" for name, value in NOTICES)
        http = PROXY.format(port=place.port, backend=place.backend, notices=notices)
        return {"nginx.conf": frame(place.folder, http)}

    def command(self, place: Place) -> list[str]:
        folder = place.folder
        return [self.program() or self.name, "-p", str(folder), "-c", str(folder / "nginx.conf")]
