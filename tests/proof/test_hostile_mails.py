"""The long form of the mails made to break or to slow the parsers: every pair of units in every place, and thousands of
damaged messages of the corpora.

Promised: no mail makes the reader fail, and none of a megabyte keeps it busy for a second of the processor. It would
break if a pattern could match the same letters in two ways without a bound, or a parser of the standard library were
given what its loops cost the square of.
"""

import random
import time

from tests.fixtures.corpora import needs_corpora
from tests.unit.senders.inbound.test_hostile import MEGABYTE, PLACES, UNITS, corpus, fill, read


def test_pairs_of_units_are_read_within_a_second(say):
    slowest = 0.0
    for place, frame in PLACES.items():
        for first in UNITS:
            for second in UNITS:
                began = time.process_time()
                read(frame % fill(first + second))
                took = time.process_time() - began
                slowest = max(slowest, took)
                assert took < 1, (place, first, second)
    say(f"{len(PLACES) * len(UNITS) ** 2} mails of {MEGABYTE:,} bytes, the slowest read in {slowest:.2f} s")


@needs_corpora
def test_thousands_of_damaged_messages_are_read(say):
    chance, messages = random.Random(6), [path.read_bytes() for path in corpus()]
    for _ in range(20_000):
        raw = chance.choice(messages)
        for _ in range(chance.randint(1, 5)):
            place, other = chance.randrange(len(raw) + 1), chance.choice(messages)
            cut = chance.randrange(len(other) + 1)
            piece = chance.choice((chance.randbytes(8), other[cut : cut + 300], b"", b"\r\n\r\n", b"--"))
            raw = raw[:place] + piece + raw[place + chance.randrange(100) :]
        read(raw)
    say(f"20,000 damaged messages made of {len(messages)}")
