from collections.abc import Iterator
from pathlib import Path

import pytest

from senders.ledger.store import Ledger
from tests.fixtures.audiences import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    for number in range(8):
        world.add(f"p{number}@mail.example", first_name=None if number < 3 else "Zoë")
    world.add("no@mail.example", consent="denied")
    world.publish()
    return world


@pytest.fixture
def ledger(world: World) -> Iterator[Ledger]:
    with world.mailrail.open_ledger() as ledger:
        yield ledger
