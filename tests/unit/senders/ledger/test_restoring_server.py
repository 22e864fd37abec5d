"""An older copy on a server is put back: a machine's journal knows its own offers only."""

import pytest

from senders.ledger.database import choose_store
from senders.ledger.store import Ledger
from senders.message import State
from tests.fixtures.postgres import needs_postgres

pytestmark = needs_postgres


@pytest.fixture
def store(schema_url):
    choose_store(schema_url())
    yield "postgresql"
    choose_store("")


def test_all_that_waits_is_in_doubt_and_no_number_is_given_twice(tmp_path, clock, ledger, allow, make_spec):
    spec = make_spec(10, shard_rows=10)
    allow(spec)
    number = ledger.open_send(spec)
    ledger.close()
    # This machine offered two messages after the copy was made; what others offered, it cannot know.
    with (tmp_path / "ledger" / "journal.log").open("a") as journal:
        journal.write(f"3 90 {number}:4-5\n")
    with Ledger.open(tmp_path, clock=clock) as again:
        restored = again.restore()
        assert restored.in_doubt == again.counts(number)[State.IN_DOUBT] == 10
        assert again.reserve_send("other.1", "other") > number + 1_000
