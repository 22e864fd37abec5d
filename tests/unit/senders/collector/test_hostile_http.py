"""Whatever is put into whatever place of a request: no fault of ours, no way out of the site, no header of theirs."""

from collections.abc import Iterator

import pytest

from tests.fixtures.corpora import needs_corpora
from tests.fixtures.hostile import OWN, Door, attack, corpus_payloads, open_door

SAMPLE = 12
# The long proof sends all.
EVERY = 7


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    with open_door(tmp_path_factory.mktemp("hostile")) as found:
        yield found


def test_our_own_payloads_find_nothing(door: Door) -> None:
    sent, wrong = attack(door, OWN, every=EVERY)
    assert sent > 1000
    assert not wrong


@needs_corpora
def test_known_payloads_find_nothing(door: Door) -> None:
    payloads = corpus_payloads()
    assert len(payloads) > 250
    assert not attack(door, payloads[:: len(payloads) // SAMPLE], every=EVERY)[1]
