"""The reverse proxy that tutorials build from Starlette and httpx, with both libraries' defaults.

Run by uvicorn in one process. ``BENCH_BACKEND`` is the backend's base URL.
"""

from __future__ import annotations

import os

import httpx
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

from tests.bench.notices import NOTICES

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]

client = httpx.AsyncClient(base_url=os.environ.get("BENCH_BACKEND", "http://127.0.0.1:9001"))


async def proxy(request: Request) -> StreamingResponse:
    """Send the request on and stream the answer back."""
    url = httpx.URL(path=request.url.path, query=request.url.query.encode())
    outgoing = client.build_request(
        request.method, url, headers=request.headers.raw, content=await request.body()
    )
    answer = await client.send(outgoing, stream=True)
    response = StreamingResponse(
        answer.aiter_raw(), answer.status_code, answer.headers, background=BackgroundTask(answer.aclose)
    )
    for name, value in NOTICES:
        response.headers.append(name, value)
    return response


app = Starlette(routes=[Route("/{path:path}", proxy, methods=METHODS)])
