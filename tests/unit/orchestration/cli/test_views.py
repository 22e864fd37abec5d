from types import SimpleNamespace

import pytest
from rich.console import Console

from orchestration.cli.console import THEME
from orchestration.cli.views import doctor_verdict, plan_tree, proof_table, status_notes, status_table
from senders.errors import Problem
from senders.message import State

ONE = "spring_sale.20260414T0800Z"


def text(*renderables):
    console = Console(width=150, theme=THEME, highlight=False)
    with console.capture() as captured:
        for renderable in renderables:
            console.print(renderable)
    return captured.get()


def send(state="running", reason="", **counts):
    values = {state.value: counts.get(state.value, 0) for state in State}
    return {
        "send_id": ONE,
        "state": state,
        "reason": reason,
        "rehearsal": False,
        "audience": sum(values.values()),
    } | values


def test_status_shows_the_settled_share_and_only_the_states_that_occur():
    shown = text(status_table([send(queued=300, accepted=100)]))
    assert "━" * 6 + "─" * 18 in shown
    assert "25 %" in shown
    assert "queued" in shown
    assert "suppressed" not in shown
    assert ONE in shown


def test_status_on_a_narrow_terminal_says_the_counts_in_words():
    shown = text(status_table([send(queued=300, accepted=100)], width=80))
    assert "300 queued" in shown
    assert "━" not in shown


def test_status_of_an_empty_audience_is_settled():
    assert "100 %" in text(status_table([send("finished")]))


def test_status_notes_say_what_to_run():
    rows = [send("paused", "too late", queued=1), send("running", queued=1), send("finished", accepted=1)]
    notes = [note.plain for note in status_notes(rows, is_sending=False)]
    assert [note.split("→ ")[1] for note in notes] == [f"mailrail resume {ONE}"] * 2
    assert "is paused: too late" in notes[0]
    assert len(list(status_notes(rows, is_sending=True))) == 1


def test_status_says_what_is_a_rehearsal():
    (note,) = status_notes([send("finished", accepted=1) | {"rehearsal": True}], is_sending=True)
    assert note.plain == f"{ONE} is a rehearsal: its relay mails nobody, and it counts for nothing"


@pytest.mark.parametrize(
    ("row", "verdict"),
    [
        (send(accepted=5, refused=2), "adds up"),
        (send("paused", accepted=5, queued=2, deferred=1), "still open: 2 queued, 1 deferred"),
    ],
)
def test_a_proof_sheet_adds_up_or_says_what_is_open(row, verdict):
    assert verdict in text(proof_table(row))


def plan(**excluded):
    recipients = 90
    counts = {"included": recipients + sum(excluded.values()), "recipients": recipients, "excluded": excluded}
    return SimpleNamespace(campaign="spring_sale", segments=("seg_all",), tracked=60, **counts)


def test_a_plan_is_a_tree_from_the_audience_to_the_recipients():
    lines = text(plan_tree(plan(no_consent=2, bounced=8))).splitlines()
    assert "seg_all  100" in lines[1]
    assert "8  bounced before" in lines[2]
    assert "2  no consent" in lines[3]
    assert "90  recipients  (90.0% of the audience)" in lines[4]
    assert "60  of them tracked" in lines[5]


def test_a_plan_says_who_signs_and_what_is_wrong():
    facts = {
        "title": "Spring sale",
        "topic": "offers",
        "sender": "Shop <a@b.example>",
        "relay": "by main (this machine)",
    }
    words = {"schedule": "none: a person sends it", "approval": "by a person", "limits": "given up after 24 h"}
    problems = [Problem("a.mjml", 3, 1, f"A11Y-{n}", "warning", "no alt", "") for n in range(8)]
    problems.append(Problem("defs.yaml", 0, 0, "X", "error", "wrong", ""))
    shown = text(plan_tree(plan(), SimpleNamespace(**facts, **words, problems=problems)))
    assert "Spring sale · offers" in shown
    assert "1 error  8 warnings" in shown
    assert "▲ a.mjml:3  no alt  A11Y-0" in shown
    assert "and 3 more: mailrail check" in shown
    assert "no problem" in text(plan_tree(plan(), SimpleNamespace(**facts, **words, problems=[])))


@pytest.mark.parametrize(
    ("states", "said"),
    [
        (("ok", "ok"), "all 2 checks are well"),
        (("ok", "fail"), "1 problem, 0 warnings   → mend 1 mends check 1"),
        (("warn", "ok"), "0 problems, 1 warning   → mend 0 mends check 0"),
        (("fail", "fail", "warn"), "2 problems, 1 warning"),
    ],
)
def test_the_doctor_closes_with_a_count(states, said):
    rows = [SimpleNamespace(state=state, remedy=f"mend {n}", name=f"check {n}") for n, state in enumerate(states)]
    assert doctor_verdict(rows).plain.strip() == said
