"""From requests to sends: what is taken, what is refused and why, and that one never holds another up."""

import email
import email.policy
import json
from dataclasses import replace
from datetime import timedelta

import pytest

from assets.audiences.manifest import verify_audience
from assets.deliveries.batches import read_rows
from assets.outbox.config import OutboxConfig
from assets.outbox.keeping import tidy
from assets.outbox.running import Outbox, take_all
from senders.ledger.outbox import MailState
from senders.ledger.rows import SendState
from senders.rendering.context import SendContext
from senders.rendering.renderer import Renderer
from senders.rendering.saved import load_template
from senders.tracking.tokens import send_tokens

CONFIG = OutboxConfig()


def folder_of(outgoing, send):
    return outgoing.mailrail.home / send.folder


def built(outgoing, send, seq=1):
    """Return a message of a send as the render child makes it."""
    folder = folder_of(outgoing, send)
    context = SendContext(
        profile=outgoing.mailrail.profile(send.sender),
        tokens=send_tokens(outgoing.mailrail.keyring(), send.send_no),
        send_id=send.send_id,
        campaign=send.campaign,
        topic=send.topic,
        base_url=outgoing.mailrail.base_url,
        sent_at=send.opened_at,
    )
    (row,) = read_rows(str(folder / "shard-0000.parquet"), [seq])
    message = Renderer(load_template(folder / "template.json"), context).build(row)
    return email.message_from_bytes(message.raw, policy=email.policy.default)


def test_requests_become_one_send_for_each_template_and_language(outgoing):
    outgoing.ask(
        outgoing.request("a"),
        outgoing.request("b", language="de-AT"),
        outgoing.request("c", language="fr"),
        outgoing.request("d", template="order_thanks"),
    )
    done = take_all(outgoing.mailrail, CONFIG)
    assert (done.opened, done.taken, done.refused) == (3, 4, 0)
    with outgoing.mailrail.open_ledger() as ledger:
        sends = ledger.sends()
        assert sorted((send.campaign, send.audience_rows, send.stream) for send in sends) == [
            ("confirm_signup", 1, "transactional"),
            ("confirm_signup", 2, "transactional"),
            ("order_thanks", 1, "transactional"),
        ]
        assert ledger.mail("a").send_no == ledger.mail("c").send_no
        for send in sends:
            assert verify_audience(folder_of(outgoing, send)).audience_hash == send.audience_hash
        german = ledger.send_of(ledger.mail("b"))
    assert "bestätigen" in built(outgoing, german)["Subject"]


def test_the_mail_is_an_answer_and_not_a_mailing(outgoing):
    outgoing.ask(outgoing.request("a"))
    take_all(outgoing.mailrail, CONFIG)
    with outgoing.mailrail.open_ledger() as ledger:
        (send,) = ledger.sends()
    message = built(outgoing, send)
    assert message["To"] == "a@contact.example"
    assert message["Subject"] == "Please confirm: Trail notes"
    assert message["Auto-Submitted"] == "auto-generated"
    absent = ("List-Unsubscribe", "List-Unsubscribe-Post", "List-Id", "Precedence")
    assert not [name for name in absent if name in message]
    html = message.get_body(("html",)).get_content()
    assert 'href="https://shop.example/s/1"' in html  # not counted
    assert "/o/" not in html  # no pixel
    assert "https://shop.example/s/1" in message.get_body(("plain",)).get_content()


def test_a_list_of_rows_is_shown_row_by_row_and_escaped(outgoing):
    outgoing.ask(outgoing.request("a", template="order_thanks"))
    take_all(outgoing.mailrail, CONFIG)
    with outgoing.mailrail.open_ledger() as ledger:
        (send,) = ledger.sends()
    message = built(outgoing, send)
    html, text = (message.get_body((kind,)).get_content() for kind in ("html", "plain"))
    assert "Boots &lt;2&gt;" in html
    assert html.index("Boots") < html.index("Pack") < html.index("Total")
    assert "Boots <2> | 2 × | € 1" in text
    assert "Maya <a@contact.example>" in message["To"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"template": "nobody"}, "there is no template 'nobody' in assets/transactional; known: confirm_signup"),
        ({"template": "../campaigns/spring_sale"}, "there is no template"),
        ({"fields": {"form": "x", "days": 1}}, "field confirm_url is missing"),
        ({"fields": {"confirm_url": "javascript:alert(1)", "form": "x", "days": 1}}, "should be a web address"),
        ({"fields": {"confirm_url": "https://a.example", "form": ["x"], "days": 1}}, "form is a list and should be"),
        (
            {"fields": {"confirm_url": "https://a.example", "form": "x", "days": "1"}},
            "days is a text and should be",
        ),
        ({"fields": {"confirm_url": "https://a.example", "form": "x" * 5000, "days": 1}}, "has 5000 characters"),
        ({"email": "nobody"}, "the address has no @"),
        ({"address_hash": b"x" * 16}, "address key"),
        ({"expires_at": "past"}, "expired"),
        (
            {"template": "order_thanks", "fields": {"order_no": "1", "lines": [{"name": "x"}], "total": "1"}},
            "lines[1].",
        ),
    ],
)
def test_a_wrong_request_is_refused_with_its_reason_and_holds_nobody_up(outgoing, changes, reason):
    if changes.get("expires_at") == "past":
        changes = {"expires_at": outgoing.clock.now() - timedelta(seconds=1)}
    outgoing.ask(outgoing.request("wrong", **changes), outgoing.request("right"))
    done = take_all(outgoing.mailrail, CONFIG)
    assert (done.taken, done.refused) == (1, 1)
    with outgoing.mailrail.open_ledger() as ledger:
        wrong, right = ledger.mail("wrong"), ledger.mail("right")
    assert (wrong.state, right.state) == (MailState.REFUSED, MailState.TAKEN)
    assert reason in wrong.reason
    assert "javascript" not in wrong.reason
    assert "contact.example" not in wrong.reason


def test_outside_production_only_listed_addresses_are_answered(make_outgoing):
    outgoing = make_outgoing(allowed=("me@contact.example",))
    outgoing.ask(outgoing.request("me"), outgoing.request("you"))
    take_all(outgoing.mailrail, CONFIG)
    with outgoing.mailrail.open_ledger() as ledger:
        assert ledger.mail("me").state is MailState.TAKEN
        assert "recipient_allow_list" in ledger.mail("you").reason


def test_a_template_that_is_broken_keeps_its_requests_waiting_until_it_is_mended(outgoing):
    path = outgoing.project / "assets" / "transactional" / "confirm_signup" / "template.mjml"
    whole = path.read_text(encoding="utf-8")
    path.write_text(whole.replace("contact.form", "contact.nothing"), encoding="utf-8")
    outgoing.ask(outgoing.request("a"), outgoing.request("b", template="order_thanks"))
    with outgoing.mailrail.open_ledger() as ledger:
        outbox = Outbox(outgoing.mailrail, ledger, CONFIG)
        assert outbox.look().taken == 1
        assert "contact.nothing is not among the fields" in ledger.mail("a").reason
        assert ledger.mail("a").state is MailState.WAITING
        path.write_text(whole, encoding="utf-8")
        assert outbox.look().taken == 1
        assert (ledger.mail("a").state, ledger.mail("a").reason) == (MailState.TAKEN, "")


def test_while_a_send_of_a_template_is_paused_what_asks_for_it_waits(outgoing):
    outgoing.ask(outgoing.request("a"))
    with outgoing.mailrail.open_ledger() as ledger:
        outbox = Outbox(outgoing.mailrail, ledger, CONFIG)
        outbox.look()
        (send,) = ledger.sends()
        ledger.set_send_state(send.send_id, SendState.PAUSED, "the relay refuses us")
        outgoing.ask(outgoing.request("b"))
        assert outbox.look().taken == 0
        assert "the relay refuses us" in ledger.mail("b").reason
        ledger.set_send_state(send.send_id, SendState.RUNNING)
        assert outbox.look().taken == 1


def test_no_more_is_opened_than_senders_can_begin_soon(outgoing):
    with outgoing.mailrail.open_ledger() as ledger:
        outbox = Outbox(outgoing.mailrail, ledger, CONFIG)
        for name in "abcd":
            ledger.request_mail(outgoing.request(name))
            outbox.look()
        assert len(ledger.sends()) == 2  # without a sender the others wait where they are, and make one batch
        assert ledger.mail_counts()[MailState.WAITING] == 2
        assert outbox.look(is_patient=False).taken == 2


def test_a_batch_holds_no_more_than_the_setting_says(outgoing):
    outgoing.ask(*(outgoing.request(f"p{number}") for number in range(7)))
    done = take_all(outgoing.mailrail, replace(CONFIG, batch=3))
    assert (done.opened, done.taken) == (3, 7)


def test_what_must_be_there_sooner_than_usual_ends_sooner(outgoing):
    soon = outgoing.clock.now() + timedelta(minutes=10, seconds=30)
    later = outgoing.clock.now() + timedelta(days=2)
    outgoing.ask(outgoing.request("soon", expires_at=soon), outgoing.request("later", expires_at=later))
    take_all(outgoing.mailrail, CONFIG)
    with outgoing.mailrail.open_ledger() as ledger:
        assert ledger.send_of(ledger.mail("soon")).expires_at == soon.replace(second=0)
        assert ledger.send_of(ledger.mail("later")).expires_at is None


def test_batches_share_one_compiled_template_on_the_disk(outgoing):
    for name in ("a", "b"):
        outgoing.ask(outgoing.request(name))
        take_all(outgoing.mailrail, CONFIG)
    with outgoing.mailrail.open_ledger() as ledger:
        first, second = (folder_of(outgoing, send) / "template.json" for send in ledger.sends())
    assert first.samefile(second)


def test_files_go_when_their_days_are_over_and_litter_of_a_crash_the_day_after(outgoing):
    outgoing.ask(outgoing.request("a"))
    take_all(outgoing.mailrail, CONFIG)
    with outgoing.mailrail.open_ledger() as ledger:
        (send,) = ledger.sends()
        kept, litter = folder_of(outgoing, send), folder_of(outgoing, send).with_name("confirm_signup.never-opened")
        litter.mkdir()
        (litter / "manifest.json").write_text(json.dumps({}))
        assert tidy(outgoing.mailrail, ledger, 30) == 0
        outgoing.clock.step(timedelta(days=2))
        assert tidy(outgoing.mailrail, ledger, 30) == 1
        assert (kept.exists(), litter.exists()) == (True, False)
        with ledger._database.write() as connection:
            connection.execute("update messages set state = 'accepted'")
            connection.execute("update shards set done = 1")
        ledger.finish_mail()
        outgoing.clock.step(timedelta(days=31))
        assert tidy(outgoing.mailrail, ledger, 30) == 1
        assert not kept.parent.exists()
