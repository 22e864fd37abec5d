"""C10, the whole enumeration: two senders, three recipients, leases lost at any moment, a kill, a lost reply, an
unsubscribe.

Promised: G1 to G4 in every state that can be reached. What would break it is told with the steps that lead there.
"""

from tests.proof.interleavings import Bounds, Explorer


def test_every_interleaving_of_two_senders_over_three_recipients(say):
    explorer = Explorer(Bounds(recipients=3, claims=3, deaths=1, losses=1))
    explorer.explore()
    say(f"{explorer.states:,} states, {explorer.steps:,} steps, {explorer.ends:,} ends: no promise broken")
