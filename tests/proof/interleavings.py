"""Every interleaving of two senders over a few recipients: the protocol's steps, enumerated over a real ledger.

A state is the content of the ledger with what each sender and the relay know; numbers that only rise are replaced by
their order, so that equal situations are met once. From each state every step that some process could take is taken.
Used in a small form beside the ledger's tests and in the whole form here.
"""

from collections import deque
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from senders.event import Event, Kind, derive_event_id
from senders.ledger import opening
from senders.ledger.database import next_sequence
from senders.ledger.inbound import record_event
from senders.ledger.lease import Lease, claim, release
from senders.ledger.owner import this_owner
from senders.ledger.rows import SendSpec, ShardSpec, to_micros
from senders.ledger.schema import migrate
from senders.ledger.sqlite_file import SqliteConnection
from senders.ledger.transitions import Offer, Outcome, Verdict, due_messages, offer, open_gate, settle
from senders.message import State

NOW = datetime(2026, 11, 3, 9, 0, tzinfo=UTC)
MICROS = to_micros(NOW)
OWNERS = tuple(str(this_owner()) for _ in range(2))
OVER = frozenset({State.ACCEPTED, State.REFUSED, State.SUPPRESSED, State.IN_DOUBT})


@dataclass(frozen=True)
class Hand:
    """What one sender knows: its lease, the message with a durable intent, the one whose mark it wrote, the reply."""

    lease: Lease | None = None
    intended: int = 0
    marked: int = 0
    reply: str = ""


@dataclass(frozen=True)
class World:
    """One state: the ledger's bytes, both senders, how often the relay took each, and what may still happen."""

    ledger: bytes
    hands: tuple[Hand, Hand]
    taken: tuple[int, ...]
    unsubscribed_at: int = 0
    offered_at: int = 0  # the last offer to the one who unsubscribes
    claims: int = 0
    deaths: int = 0
    losses: int = 0


@dataclass(frozen=True)
class Bounds:
    """How much may happen: without bounds there is always another kill."""

    recipients: int = 3
    claims: int = 3
    deaths: int = 1
    losses: int = 1
    leaving: int = 2  # the recipient who unsubscribes at some moment


class Explorer:
    """Goes through all states and checks each."""

    def __init__(self, bounds):
        self._bounds = bounds
        self._connection = SqliteConnection(":memory:", isolation_level=None)
        self.states = self.steps = self.ends = 0

    def explore(self):
        """Visit every state that can be reached.

        Raises:
            AssertionError: one of them breaks a promise; the message holds the steps that led there.
        """
        first = World(self._new_ledger(), (Hand(), Hand()), (0,) * self._bounds.recipients)
        seen = {self._key(first)}
        waiting = deque([(first, ())])
        while waiting:
            world, path = waiting.popleft()
            self.states += 1
            following = list(self._following(world))
            self.ends += not following
            for name, after in following:
                self.steps += 1
                self._check(after, (*path, name))
                if (key := self._key(after)) not in seen:
                    seen.add(key)
                    waiting.append((after, (*path, name)))

    def _new_ledger(self):
        count = self._bounds.recipients
        hashes = [seq.to_bytes(16, "big") for seq in range(1, count + 1)]
        spec = SendSpec("s", "s", "offers", NOW, "x", "f", count, "a", "c", [ShardSpec(0, "f", 1, count, hashes)])
        migrate(self._connection)
        opening.insert_shard(self._connection, 1, spec.shards[0], "a", MICROS)
        opening.insert_send(self._connection, 1, spec, MICROS)
        return self._connection.serialize()

    def _following(self, world):
        for number in range(2):
            for name, after in self._steps_of(world, number):
                yield f"{name} ({number + 1})", after
        if not world.unsubscribed_at:
            yield "unsubscribe", self._unsubscribe(world)

    def _steps_of(self, world, number):
        hand = world.hands[number]
        if hand.reply:
            yield f"record {hand.reply}", self._record(world, number)
        elif hand.marked:
            for reply in ("taken", "later", "never"):
                yield f"relay: {reply}", self._answer(world, number, reply)
            if world.losses < self._bounds.losses:
                for reply in ("taken, lost", "lost"):
                    yield f"relay: {reply}", replace(self._answer(world, number, reply), losses=world.losses + 1)
        elif hand.intended:
            yield "write mark", self._with(world, number, replace(hand, intended=0, marked=hand.intended))
            if world.losses < self._bounds.losses:
                yield "lose line before mark", replace(self._put_back(world, number), losses=world.losses + 1)
        elif hand.lease:
            yield "offer", self._offer(world, number)
        elif world.claims < self._bounds.claims:
            yield "claim", self._claim(world, number)
        if hand.lease and world.deaths < self._bounds.deaths:
            yield "die", replace(self._die(world, number), deaths=world.deaths + 1)

    def _in_ledger(self, world, work):
        self._connection.deserialize(world.ledger)
        answer = work(self._connection)
        return answer, self._connection.serialize()

    def _with(self, world, number, hand, **changes):
        hands = tuple(hand if place == number else other for place, other in enumerate(world.hands))
        return replace(world, hands=hands, **changes)

    def _claim(self, world, number):
        # Every lease is over at once: the other sender may come at any moment, as after a long stop.
        lease, ledger = self._in_ledger(world, lambda c: claim(c, OWNERS[number], -1.0, MICROS))
        if lease is not None:
            states = [state for _, state, _ in self._rows(replace(world, ledger=ledger))]
            assert State.OFFERED not in states, "G2: offered for ever, since nobody waits for its reply any more"
        return self._with(world, number, Hand(lease), ledger=ledger, claims=world.claims + 1)

    def _offer(self, world, number):
        """Offer the first message that is due, or give the shard back where none is."""
        hand = world.hands[number]

        def work(connection):
            due = due_messages(connection, hand.lease)
            if not due:
                release(connection, hand.lease, MICROS)
                return None, 0
            sequence = next_sequence(connection)
            wish = Offer(hand.lease, due[0].seq, due[0].address_hash)
            gate = open_gate(connection, hand.lease, MICROS)
            return (offer(connection, wish, gate, sequence, MICROS), due[0].seq), sequence

        (told, sequence), ledger = self._in_ledger(world, work)
        if told is None or told[0] is Verdict.LOST_LEASE:
            return self._with(world, number, Hand(), ledger=ledger)
        verdict, seq = told
        if verdict is not Verdict.GO:
            return self._with(world, number, hand, ledger=ledger)
        offered_at = sequence if seq == self._bounds.leaving else world.offered_at
        return self._with(world, number, replace(hand, intended=seq), ledger=ledger, offered_at=offered_at)

    def _answer(self, world, number, reply):
        hand = world.hands[number]
        taken = list(world.taken)
        taken[hand.marked - 1] += reply.startswith("taken")
        return self._with(world, number, replace(hand, reply=reply), taken=tuple(taken))

    def _record(self, world, number):
        hand = world.hands[number]
        ends = {"taken": State.ACCEPTED, "later": State.DEFERRED, "never": State.REFUSED}
        outcome = Outcome(hand.lease, hand.marked, ends.get(hand.reply, State.IN_DOUBT), offered=True)
        _, ledger = self._in_ledger(world, lambda c: settle(c, outcome, MICROS))
        return self._with(world, number, Hand(hand.lease), ledger=ledger)

    def _put_back(self, world, number):
        hand = world.hands[number]
        outcome = Outcome(hand.lease, hand.intended, State.QUEUED, offered=True)
        _, ledger = self._in_ledger(world, lambda c: settle(c, outcome, MICROS))
        return self._with(world, number, Hand(hand.lease), ledger=ledger)

    def _die(self, world, number):
        """Die; where a mark was written, the relay may have taken it: that branch is the reply before the death."""
        return self._with(world, number, Hand())

    def _unsubscribe(self, world):
        leaving = self._bounds.leaving.to_bytes(16, "big")
        event = Event(derive_event_id("u"), Kind.UNSUBSCRIBED, NOW, address_hash=leaving)

        def work(connection):
            sequence = next_sequence(connection)
            record_event(connection, event, MICROS, sequence)
            return sequence

        sequence, ledger = self._in_ledger(world, work)
        return replace(world, ledger=ledger, unsubscribed_at=sequence)

    def _rows(self, world):
        self._connection.deserialize(world.ledger)
        return self._connection.execute("select seq, state, epoch from messages order by seq").fetchall()

    def _check(self, world, path):
        states = {seq: State(state) for seq, state, _ in self._rows(world)}
        told = " > ".join(path)
        assert max(world.taken) <= 1, f"G1: taken twice after {told}"
        assert len(states) == self._bounds.recipients, f"G2: somebody is in no state after {told}"
        for seq, count in enumerate(world.taken, start=1):
            waits = states[seq] in {State.QUEUED, State.DEFERRED}
            assert not (count and waits), f"G1: {seq} was taken and may be offered again after {told}"
        doubts = sum(state is State.IN_DOUBT for state in states.values())
        assert doubts <= world.deaths + world.losses + max(0, world.claims - 1), f"G3: {doubts} in doubt after {told}"
        if world.unsubscribed_at:
            assert world.offered_at < world.unsubscribed_at, f"G4: offered after the unsubscribe by {told}"

    def _key(self, world):
        """Return what tells situations apart; epochs by their order only."""
        rows = self._rows(world)
        (epoch, owner) = self._connection.execute("select epoch, owner from shards").fetchone()
        epochs = sorted({epoch, *(row[2] for row in rows), *(hand.lease.epoch for hand in world.hands if hand.lease)})
        place = epochs.index
        hands = tuple(
            (place(hand.lease.epoch) if hand.lease else -1, hand.intended, hand.marked, hand.reply)
            for hand in world.hands
        )
        messages = tuple((state, place(message_epoch)) for _, state, message_epoch in rows)
        holder = OWNERS.index(owner) if owner else -1
        counts = (world.claims, world.deaths, world.losses, bool(world.unsubscribed_at))
        return messages, place(epoch), holder, hands, world.taken, counts
