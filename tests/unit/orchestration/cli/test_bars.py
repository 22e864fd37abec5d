"""A running send fits into 80 columns, and every part of it that is not empty can be seen."""

import io

import pytest
from rich.console import Console

from orchestration.cli.bars import send_view, stand_line
from orchestration.cli.console import THEME
from orchestration.watching import ProviderStand, Stand
from senders.ledger.progress import Counts, sum_counts
from senders.ledger.rows import SendState

SEND = "spring_sale.20261103T0900Z"
PROVIDERS = (
    ProviderStand("google", Counts(412_000, 251_000, 1_200, 3_100, 900), 212.0),
    ProviderStand("yahoo", Counts(99_000, 99_000), 0.0),
    ProviderStand("a-very-long-company-name.example", Counts(1_000_000, 12, 1, 7, 0, 1), 3.25),
)
NOTE = "libero takes nothing until 14:31:09"


def stand(providers=PROVIDERS, state=SendState.RUNNING, notes=(NOTE,)):
    whole = ProviderStand("all", sum_counts(each.counts for each in providers), 215.25)
    return Stand(SEND, state, whole, providers, notes)


def shown(width, **changes):
    console = Console(theme=THEME, width=width, record=True, file=io.StringIO(), highlight=False)
    console.print(send_view(stand(**changes), width=width))
    return console.export_text()


@pytest.mark.parametrize("width", [80, 100, 200])
def test_no_line_is_folded(width):
    lines = shown(width).splitlines()
    assert max(map(len, lines)) <= width
    google = next(line for line in lines if "google" in line)
    assert google.split()[-5:] == ["253,100", "212", "3,100", "12m", "15s"]
    assert any("✔" in line and "yahoo" in line and "100 %" in line for line in lines)
    assert sum("1,511,000" in line for line in lines) == 1
    assert lines[-1].strip() == f"▲ {NOTE}"


def test_a_single_provider_needs_no_sum():
    assert " all " not in shown(80, providers=PROVIDERS[:1])
    assert " all " in shown(80)


def test_even_one_refusal_can_be_seen_in_the_bar():
    one = ProviderStand("google", Counts(1_000_000, accepted=999_999, refused=1), 0.0)
    console = Console(theme=THEME, width=80, record=True, file=io.StringIO(), force_terminal=True, highlight=False)
    console.print(send_view(stand(providers=(one,)), width=80))
    assert "\x1b[31m━" in console.export_text(styles=True)


def test_a_line_for_logs_says_the_same():
    line = stand_line(stand())
    assert line.startswith(f"{SEND}: 352,114 of 1,511,000, 215 a second, ")
    assert line.endswith(f"3,107 deferred, 1,201 refused, 1 in doubt, 900 passed over  {NOTE}")


def test_an_empty_audience_is_no_accident():
    assert "100 %" in shown(80, providers=(ProviderStand("unknown", Counts(), 0.0),), notes=())
