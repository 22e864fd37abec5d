"""A shop that calls the API of a home with its key."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from senders.collector.api.keys import KEPT_FOR_UNKNOWN_SECONDS, SCOPES
from senders.event import Event, Kind

ORDER = {
    "id": "order-1001",
    "name": "order_completed",
    "email": "Ada@Example.com",
    "occurred_at": "2026-11-03T08:30:00+01:00",
    "properties": {
        "order_id": "1001",
        "currency": "EUR",
        "total": 59.8,
        "lines": [{"product_id": "tent-2", "quantity": 2, "amount": 59.8}],
    },
}


@dataclass
class Shop:
    """A program that calls; ``world`` is what it calls."""

    world: Any
    key: str

    def call(self, method: str, path: str, value: Any = None, **headers: str) -> Any:
        said = {
            "Authorization": f"Bearer {self.key}",
            **{name.replace("_", "-"): text for name, text in headers.items()},
        }
        content = value if isinstance(value, bytes) or value is None else json.dumps(value).encode()
        if content is not None:
            said = {"Content-Type": "application/json", **said}
        return self.world.client.request(method, f"/api/v1{path}", content=content, headers=said)

    def post(self, path: str, value: Any, **headers: str) -> Any:
        return self.call("POST", path, value, **headers)

    def get(self, path: str) -> Any:
        return self.call("GET", path)

    def events(self, kind: Kind) -> list[Event]:
        return [event for event in self.world.events() if event.kind is kind]


@pytest.fixture
def make_shop(world: Any) -> Callable[..., Shop]:
    def make(*scopes: str, name: str = "web-shop") -> Shop:
        key = world.ledger.make_api_key(name, scopes or tuple(SCOPES))
        time.sleep(KEPT_FOR_UNKNOWN_SECONDS)
        return Shop(world, key)

    return make


@pytest.fixture
def shop(make_shop: Callable[..., Shop]) -> Shop:
    return make_shop()
