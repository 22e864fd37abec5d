import json
from datetime import datetime

import duckdb
import polars as pl
import pytest
from click.testing import CliRunner
from rich.console import Console

from dashboards import timeline as lives
from dashboards.timeline import COLUMNS, Timeline, UnknownContactError
from orchestration.cli.console import THEME
from orchestration.cli.lifeline import render_lifeline
from orchestration.cli.main import cli
from senders.errors import ConfigError
from senders.tracking.addresses import hash_address
from senders.tracking.keys import Keyring

SENT = datetime(2026, 11, 3, 9)
CONTACT = {
    "email": "anna@mail.example",
    "first_name": "Anna",
    "last_name": "Berg",
    "city": "Kendal",
    "country": "GB",
    "consent": "granted",
    "consent_basis": "sign-up form",
    "consent_at": SENT,
    "tracking_consent": None,
    "first_source": "shop",
    "created_at": SENT,
    "orders": 2,
    "total_spent": 1402.3,
    "last_ordered_at": SENT,
    "last_product_name": "Ridge Jacket",
    "suppressions": [],
    "consents": [],
    "choices": [],
}


def happening(kind="opened", title="Opened Spring sale", detail="", *, is_machine=False, amount=None, at=SENT):
    row = (at, kind, title, detail, "spring_sale.1", is_machine, amount)
    return dict(zip(COLUMNS, row, strict=True))


def shown(contact, happenings, **more):
    console = Console(width=120, theme=THEME, highlight=False)
    with console.capture() as captured:
        console.print(render_lifeline(contact, happenings, **more))
    return captured.get()


def test_the_head_says_who_may_be_mailed_and_why_not():
    text = shown(CONTACT, [])
    assert "Anna Berg  Kendal, GB" in text
    assert "granted  sign-up form · since 3 Nov 2026" in text
    assert "nobody said" in text
    assert "2 · 1,402.30 spent · last 3 Nov 2026 · Ridge Jacket" in text
    assert "nothing has happened yet" in text
    left = {"scope": "offers", "reason": "unsubscribed", "suppressed_at": SENT}
    gone = {"scope": "", "reason": "bounced", "suppressed_at": SENT}
    text = shown({**CONTACT, "suppressions": [left, gone]}, [])
    assert "from offers: unsubscribed since 3 Nov 2026" in text
    assert "from everything: bounced before since 3 Nov 2026" in text


def test_the_head_says_what_was_said_yes_to_and_chosen():
    said = {"topic": "news", "consent": "granted", "source": "footer", "basis": "confirmed", "stated_at": SENT}
    consents = [
        {**said, "voided_at": None, "expires_at": None},
        {**said, "topic": "", "source": "crm", "basis": "", "voided_at": SENT, "expires_at": SENT},
    ]
    choices = [{"name": "frequency", "value": "weekly"}, {"name": "pause_until", "value": ""}]
    text = shown({**CONTACT, "consents": consents, "choices": choices}, [])
    assert "news: granted 3 Nov 2026 · footer · confirmed" in text
    assert "everything: granted 3 Nov 2026, until 3 Nov 2026, ended 3 Nov 2026 · crm" in text
    assert "frequency weekly · pause_until –" in text


def test_a_line_for_each_happening_and_the_day_said_once():
    rows = [happening(), happening("order", "Ordered A1", "1 piece", amount=12.5), happening("new kind", "Something")]
    lines = shown(CONTACT, rows, earlier=3).splitlines()
    assert any("… 3 earlier; --limit 0 shows all" in line for line in lines)
    told = [line for line in lines if "09:00" in line]
    assert [("2026-11-03" in line) for line in told] == [True, False, False]
    assert "◆  Ordered A1" in told[1]
    assert "12.50" in told[1]
    assert "·  Something" in told[2]


def test_what_has_no_date_says_so():
    text = shown(CONTACT, [happening("subscription", "Consent granted", at=None), happening()])
    assert "no date" in text


def test_text_from_outside_is_no_markup_and_no_control():
    text = shown({**CONTACT, "first_name": "[red]A\x1b[2J"}, [happening(title="[bold]x[/bold]")])
    assert "[red]A [2J Berg" in text
    assert "[bold]x[/bold]" in text


@pytest.fixture
def world(tmp_path, monkeypatch):
    """A published copy whose queries are answered by this test: it knows Anna only."""
    monkeypatch.setenv("MAILRAIL_HOME", str(tmp_path))
    (tmp_path / "published").mkdir()
    duckdb.connect(str(tmp_path / "published" / "one.duckdb")).close()
    (tmp_path / "published" / "current").write_text('{"version": "one", "file": "one.duckdb"}')
    anna = hash_address("anna@mail.example", Keyring.open(tmp_path / "keys").address_key).hex()

    def read(_, contact_id):
        if contact_id != anna:
            raise UnknownContactError(contact_id)
        frame = pl.DataFrame([happening(at=datetime(2026, 11, day)) for day in (1, 2, 3)], schema=dict(COLUMNS))
        return Timeline(dict(CONTACT), frame)

    monkeypatch.setattr(lives, "read_timeline", read)
    return lambda *words: CliRunner().invoke(cli, ["person", "timeline", *words])


def test_addresses_are_masked_unless_asked_for(world):
    assert "a•••@mail.example" in world("Anna@MAIL.example").stdout
    assert "anna@" not in world("anna@mail.example").stdout
    assert "anna@mail.example" in world("anna@mail.example", "--show-address").stdout


def test_json_holds_the_newest_and_says_how_many_there_are(world):
    document = json.loads(world("anna@mail.example", "--limit", "2", "--json").stdout)
    assert document["contact"]["email"] == "a•••@mail.example"
    assert [row["at"][:10] for row in document["happenings"]] == ["2026-11-02", "2026-11-03"]
    assert document["total"] == 3


def test_an_unknown_person_is_named_by_the_masked_normal_form(world):
    error = world("Bert@Mail.example").exception
    assert isinstance(error, ConfigError)
    assert "knows no contact b•••@mail.example" in str(error)
    assert "mailrail explain CAMPAIGN ADDRESS" in str(error)
    assert "knows no contact bert@mail.example" in str(world("Bert@Mail.example", "--show-address").exception)
    assert "is no address" in str(world("bert").exception)
