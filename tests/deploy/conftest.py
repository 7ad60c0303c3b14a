"""What a gateway exposes, for whatever asks for it."""

from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics import MetricWrapperBase

from duskgate.admin.following import Following
from duskgate.admin.metrics import PlanCollector
from duskgate.config import Loaded, load
from duskgate.config.current import Current
from duskgate.usage.instruments import Instruments

GATEWAY = Path(__file__).resolve().parents[2] / "deploy" / "gateway" / "gateway.yaml"
ENV = {"DUSKGATE_ADMIN_TOKEN": "a-token"}


@pytest.fixture(scope="session")
def gateway() -> Loaded:
    return load(GATEWAY, ENV)


@pytest.fixture(scope="session")
def exposed(gateway: Loaded) -> dict[str, set[str]]:
    """Every sample a gateway can expose, with its labels."""
    instruments = Instruments()
    for metric in vars(instruments).values():
        if isinstance(metric, MetricWrapperBase) and metric._labelnames:
            metric.labels(*metric._labelnames)  # gives it a series, and so samples to look at
    planned = PlanCollector(Following(Current(gateway)), []).collect()
    counted = instruments.registry.collect()
    return {
        **{sample.name: set(sample.labels) for family in counted for sample in family.samples},
        **{one.name: set(one._labelnames) for one in planned if isinstance(one, GaugeMetricFamily)},
    }
