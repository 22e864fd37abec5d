"""All of the corpora on redirects and split headers through every place of every route."""

from tests.fixtures.corpora import needs_corpora
from tests.fixtures.hostile import attack, corpus_payloads, open_door


@needs_corpora
def test_no_payload_finds_anything(tmp_path, say):
    payloads = corpus_payloads()
    with open_door(tmp_path) as door:
        sent, wrong = attack(door, payloads)
    say(f"{len(payloads)} payloads in {sent:,} requests to {len(door.paths)} routes: {len(wrong)} found something")
    assert not wrong
