"""A small flagd on loopback, by gRPC: evaluates for the ``rpc`` resolver and sends rules to the other."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc  # type: ignore[import-untyped]
from openfeature.schemas.protobuf.flagd.evaluation.v2 import evaluation_pb2, evaluation_pb2_grpc
from openfeature.schemas.protobuf.flagd.sync.v1 import sync_pb2, sync_pb2_grpc


def rules(on: set[str]) -> str:
    """A flag set whose ``f`` is on for these callers."""
    rule = {"if": [{"in": [{"var": "targetingKey"}, sorted(on)]}, "on", "off"]}
    flag = {
        "state": "ENABLED",
        "variants": {"on": True, "off": False},
        "defaultVariant": "off",
        "targeting": rule,
    }
    return json.dumps({"flags": {"f": flag}})


class Flagd(evaluation_pb2_grpc.ServiceServicer, sync_pb2_grpc.FlagSyncServiceServicer):
    """The service. ``on`` are the callers that ``f`` is on for."""

    def __init__(self, on: set[str]) -> None:
        self.on = on
        self.asked: list[str] = []
        self.port = 0
        self._ended = threading.Event()

    def ResolveBoolean(self, request: Any, context: Any) -> Any:
        name = request.context["targetingKey"]
        self.asked.append(name)
        if request.flag_key != "f":
            context.abort(grpc.StatusCode.NOT_FOUND, "no such flag")
        on = name in self.on
        return evaluation_pb2.ResolveBooleanResponse(
            value=on, variant="on" if on else "off", reason="TARGETING_MATCH"
        )

    def EventStream(self, request: Any, context: Any) -> Iterator[Any]:
        yield evaluation_pb2.EventStreamResponse(type="provider_ready")
        self._ended.wait()

    def SyncFlags(self, request: Any, context: Any) -> Iterator[Any]:
        sent: set[str] | None = None
        while not self._ended.is_set() and context.is_active():
            if sent != self.on:
                sent = self.on
                yield sync_pb2.SyncFlagsResponse(flag_configuration=rules(sent))
            self._ended.wait(0.02)

    def end(self) -> None:
        """Let go of everybody who listens."""
        self._ended.set()


@contextmanager
def flagd(on: set[str], port: int = 0) -> Iterator[Flagd]:
    """The service, until the block ends."""
    one = Flagd(on)  # type: ignore[abstract]  # the methods that nobody calls here
    server = grpc.server(ThreadPoolExecutor(8))
    evaluation_pb2_grpc.add_ServiceServicer_to_server(one, server)
    sync_pb2_grpc.add_FlagSyncServiceServicer_to_server(one, server)
    one.port = server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    try:
        yield one
    finally:
        one.end()
        server.stop(0).wait()
