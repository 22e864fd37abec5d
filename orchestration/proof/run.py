"""One proof from its plan to its table: the world is made, the crew is killed, the judge has the last word.

Add here what a run consists of. The command that starts it stands in ``orchestration.cli.proof``.
"""

import dataclasses
import random
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestration.proof.crew import Crew
from orchestration.proof.judge import Verdict, judge
from orchestration.proof.killing import KillLoop, Progress
from orchestration.proof.sinks import FAULT, SMTP_SINK, running_sink
from orchestration.proof.unsubscribing import Unsubscribers
from orchestration.proof.world import World
from orchestration.settings import CODE_ROOT
from senders.ledger.store import Ledger

FAULT_SHARE = 0.003
_ANSWER_SECONDS = 60.0
# The kill that leaves no doubt open to argument is one with many lines: each may hold one message.
_CONNECTIONS = 10


@dataclass(frozen=True, slots=True)
class Plan:
    """What a proof does.

    Attributes:
        kills: how many processes are killed.
        recipients: how many people the send has.
        seed: chooses whom, when, and what goes wrong at the sink.
        sink: one of `orchestration.proof.sinks.NAMES`.
        senders: how many sender processes work side by side.
        unsubscribes: how many recipients unsubscribe with one click meanwhile.
        fault_share: the probability of each fault of a faulty sink.
    """

    kills: int
    recipients: int
    seed: int
    sink: str = FAULT
    senders: int = 3
    unsubscribes: int = 0
    fault_share: float = FAULT_SHARE


@dataclass(frozen=True, slots=True)
class Outcome:
    """A plan, what came of it, and who died."""

    plan: Plan
    verdict: Verdict
    kills_by_process: dict[str, int]
    unsubscribed: int
    seconds: float
    commit: str

    def document(self) -> dict[str, Any]:
        """Return the table as `mailrail proof --json` prints it."""
        found = dataclasses.asdict(self.verdict)
        head = ("duplicates", "lost", "in_doubt", "doubt_bound")
        return {
            "kills": sum(self.kills_by_process.values()),
            "recipients": self.plan.recipients,
            **{name: found.pop(name) for name in head},
            "seconds": round(self.seconds, 1),
            "seed": self.plan.seed,
            "commit": self.commit,
            "holds": self.verdict.holds,
            "sink": self.plan.sink,
            "rate": round(self.verdict.accepted / self.seconds) if self.seconds else 0,
            "senders": self.plan.senders,
            "kills_by_process": self.kills_by_process,
            "unsubscribed": self.unsubscribed,
            **found,
        }


def run_proof(plan: Plan, progress: Progress) -> Outcome:
    """Run a proof in a folder of its own, which is removed afterwards.

    Args:
        plan: what to do.
        progress: told how many messages have come to their end.

    Raises:
        ConfigError: a sink or a process cannot be started.
        GuardError: the send stands still.
    """
    with tempfile.TemporaryDirectory(prefix="mailrail-proof-") as name:
        world = World(Path(name).resolve(), plan.recipients, _CONNECTIONS)
        share = 0.0 if plan.sink == SMTP_SINK else plan.fault_share
        with running_sink(plan.sink, world, seed=plan.seed, share=share) as sink:
            world.write_settings(sink.port)
            world.open_send()
            chance = random.Random(plan.seed)  # noqa: S311 - repeatable on purpose
            leaving = chance.sample(range(1, plan.recipients + 1), min(plan.unsubscribes, plan.recipients))
            began = time.monotonic()
            with (
                Ledger.open(world.home) as ledger,
                Crew(world, plan.senders, has_collector=bool(leaving)) as crew,
                Unsubscribers(world, leaving, sink.finished) as unsubscribers,
            ):
                loop = KillLoop(crew, sink, ledger, plan.kills, chance, progress)
                loop.run()
                seconds = time.monotonic() - began
                unsubscribers.join(_ANSWER_SECONDS)
                ledger.finish_send(world.send_no)
            with Ledger.open(world.home) as ledger:
                doubts = loop.senders_killed * _CONNECTIONS
                verdict = judge(world, ledger, sink.entries(), unsubscribers.done, doubts_by_kills=doubts)
        kills = {blow.value: count for blow, count in sorted(loop.killed.items())}
        return Outcome(plan, verdict, kills, len(unsubscribers.done), seconds, commit())


def commit() -> str:
    """Return what names the code that ran: its commit, with a mark where files differ from it; '' where unknown."""
    try:
        told = subprocess.run(
            ["git", "-C", str(CODE_ROOT), "describe", "--always", "--dirty", "--abbrev=12"],
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return told.stdout.strip()
