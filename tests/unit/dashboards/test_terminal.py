import io

from rich.console import Console
from rich.table import Table

from dashboards.terminal import proof_sheet, render_terminal

ESCAPE = "\x1b"


def shown(renderable, width=120, **options):
    console = Console(file=io.StringIO(), width=width, **options)
    console.print(renderable)
    return console.file.getvalue()


def test_the_report_says_what_the_page_says(frames):
    text = shown(render_terminal(frames, currency="$"))
    for expected in (
        "Spring sale",
        "17,811 of 18,218",
        "+6.00 pt",
        "$12,043.50 over 17,811",
        "Opens by machines",
        "5,230",
        "Shop the sale",
        "− no consent",
        "comcast.net",
        "act now",
        "✔ closes",
        "in doubt",
    ):
        assert expected in text


def test_a_send_without_a_story_is_shown_short(marts):
    text = shown(render_terminal(marts.read("welcome_back.20261027T0900Z")))
    assert "nothing has come back yet" in text
    assert "vs last send" not in text
    assert "mailbox providers" not in text


def test_a_trend_appears_with_three_sends(marts):
    marts.send(send_no=3, send_id="c.1", campaign="c", state="finished", deliveries=5, delivery_rate=0.5)
    assert "trend" in shown(render_terminal(marts.read("c.1")))


def test_the_proof_sheet_adds_up(frames):
    table = proof_sheet(frames.send)
    assert isinstance(table, Table)
    text = shown(table)
    assert "sum" in text
    assert text.count("18,240") == 2


def test_the_proof_sheet_takes_the_ledgers_counts():
    text = shown(proof_sheet({"accepted": 3, "queued": 2, "audience": 5}))
    assert "still open: 2 under way" in text
    assert "Queued" in text


def test_hostile_text_has_no_power_over_the_terminal(empty_marts):
    empty_marts.send(send_no=1, send_id="a.1", campaign=f"{ESCAPE}[2Jspring[red]sale[/red]", state="finished")
    empty_marts.insert("rpt_send_links", send_id="a.1", link_no=1, label=f"[link=x]{ESCAPE}]0;owned\x07[/link]")
    empty_marts.insert("rpt_send_providers", send_id="a.1", mailbox_domain="[bold]x.example[/]", messages=1)
    text = shown(render_terminal(empty_marts.read("a.1")))
    assert ESCAPE not in text
    assert "\x07" not in text
    assert "[red]sale[/red]" in text
    assert "[bold]x.example[/]" in text


def test_a_narrow_terminal_does_not_break_it(frames):
    assert max(map(len, shown(render_terminal(frames), width=60).splitlines())) <= 60
