"""The judgement: the ledger compared with the sink's own log, promise by promise (G1 to G4).

Nothing here was told what the sender did. Add a count here when a promise can be broken in a way that is not
counted yet.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from orchestration.proof.faults import BROKEN, TAKEN, UNANSWERED
from orchestration.proof.sinklog import Entry
from orchestration.proof.unsubscribing import Unsubscribed
from orchestration.proof.world import TOPIC, World, address_of, seq_of
from senders.ledger.store import Ledger
from senders.message import FINAL_STATES, State
from senders.tracking.addresses import hash_address
from senders.tracking.keys import Keyring

# A 2xx that waited its courtesy (2 s) may be followed by the arrival of an offer that had begun before.
COURTESY_SECONDS = 1.9
_PAGE = 10_000
_ENDINGS_OF_OFFERS = frozenset({State.ACCEPTED, State.REFUSED, State.DEFERRED, State.IN_DOUBT})


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came out.

    Attributes:
        duplicates: messages that the sink took although it had taken the same one before (G1).
        lost: recipients in no final state, or accepted by the ledger's word and not in the sink's log (G2).
        unknown: recipients whose message the sink took, and the ledger says neither accepted nor in doubt (G2).
        in_doubt: recipients in doubt.
        doubt_bound: how many may be: connections of each killed sender, and one for each broken reply (G3).
        late_news: recipients in doubt under whose body the line broke: where the sender hears of that too late, its
            end mark is written already, and it cannot know that nobody read it. They are in the bound.
        late_offers: offers to somebody whose unsubscribe was durable, by the ledger's own order (G4).
        late_arrivals: messages that the sink took after a 2xx that had not waited for them (G4).
    """

    duplicates: int
    lost: int
    unknown: int
    in_doubt: int
    doubt_bound: int
    late_offers: int
    late_arrivals: int
    broken_replies: int
    late_news: int
    accepted: int
    suppressed: int
    refused: int

    @property
    def holds(self) -> bool:
        """Whether every promise was kept."""
        broken = (self.duplicates, self.lost, self.unknown, self.late_offers, self.late_arrivals)
        return not any(broken) and self.in_doubt <= self.doubt_bound


def judge(
    world: World,
    ledger: Ledger,
    entries: Iterable[Entry],
    unsubscribed: Sequence[Unsubscribed],
    *,
    doubts_by_kills: int,
) -> Verdict:
    """Compare what the ledger says with what the sink says.

    Args:
        world: what was sent to whom.
        ledger: the ledger after the send.
        entries: how each message ended at the sink.
        unsubscribed: who was answered that they are unsubscribed, and when.
        doubts_by_kills: killed senders times their connections.
    """
    endings = list(entries)
    taken = Counter(seq_of(entry.recipient) for entry in endings if entry.ending in TAKEN)
    states = {seq: state for seq, state, _, _ in ledger.message_rows(world.send_no)}
    counts = Counter(states.values())
    ended = sum(counts[state] for state in FINAL_STATES)
    accepted = {seq for seq, state in states.items() if state is State.ACCEPTED}
    doubted = {seq for seq, state in states.items() if state is State.IN_DOUBT}
    broken_replies = sum(entry.ending in UNANSWERED for entry in endings)
    unanswered = {seq_of(entry.recipient) for entry in endings if entry.ending in UNANSWERED}
    late_news = doubted & {seq_of(entry.recipient) for entry in endings if entry.ending in BROKEN - UNANSWERED}
    late_news -= unanswered
    return Verdict(
        duplicates=sum(count - 1 for count in taken.values()),
        lost=abs(world.recipients - ended) + len(accepted - taken.keys()),
        unknown=len(taken.keys() - accepted - doubted),
        in_doubt=len(doubted),
        doubt_bound=doubts_by_kills + broken_replies + len(late_news),
        late_offers=_late_offers(world, ledger, unsubscribed),
        late_arrivals=_late_arrivals(endings, unsubscribed),
        broken_replies=broken_replies,
        late_news=len(late_news),
        accepted=counts[State.ACCEPTED],
        suppressed=counts[State.SUPPRESSED],
        refused=counts[State.REFUSED],
    )


def _late_offers(world: World, ledger: Ledger, unsubscribed: Sequence[Unsubscribed]) -> int:
    """Count offers later than the unsubscribe, by the ledger's sequence; an unsubscribe it does not know counts too."""
    key = Keyring.open(world.home / "keys").address_key
    hashes = {one.seq: hash_address(address_of(one.seq), key) for one in unsubscribed}
    durable = {found.address_hash: found.sequence for found in ledger.suppressions() if found.scope in ("", TOPIC)}
    offers = {seq: sequence for seq, sequence in _offers(world, ledger) if seq in hashes}
    return sum(offers.get(seq, 0) > durable.get(address_hash, -1) for seq, address_hash in hashes.items())


def _offers(world: World, ledger: Ledger) -> Iterator[tuple[int, int]]:
    """Yield recipient and sequence of each offer that ended, oldest first."""
    last = 0
    while page := ledger.attempts_after(last, _PAGE):
        yield from (
            (attempt.seq, attempt.sequence)
            for attempt in page
            if attempt.send_no == world.send_no and attempt.state in _ENDINGS_OF_OFFERS
        )
        last = page[-1].attempt_id


def _late_arrivals(endings: Iterable[Entry], unsubscribed: Iterable[Unsubscribed]) -> int:
    answered = {one.seq: one for one in unsubscribed if one.answered_at - one.asked_at < COURTESY_SECONDS}
    late = 0
    for entry in endings:
        if entry.ending in TAKEN and (one := answered.get(seq_of(entry.recipient))):
            late += entry.at > one.answered_at
    return late
