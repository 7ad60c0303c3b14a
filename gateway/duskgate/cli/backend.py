"""The demo's backends: ``python -m duskgate.cli.backend v1 HOST PORT``. Small, but real HTTP servers."""

from __future__ import annotations

import sys
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

_NAMES: dict[str, Any] = {"v1": "Ada Lovelace", "v2": {"given": "Ada", "family": "Lovelace"}}


def build(version: str) -> Starlette:
    """A backend that answers any path; v1 and v2 give a user's name in different forms."""

    async def user(request: Request) -> JSONResponse:
        name = _NAMES.get(version, version)
        body = {"version": version, "path": request.url.path, "name": name}
        return JSONResponse(body, headers={"X-Served-By": version})

    return Starlette(routes=[Route("/{rest:path}", user, methods=["GET", "POST", "PUT", "PATCH", "DELETE"])])


if __name__ == "__main__":
    uvicorn.run(build(sys.argv[1]), host=sys.argv[2], port=int(sys.argv[3]), log_level="warning")
