"""The two mails of the collector: the one that asks for a confirmation, and the one that brings a link."""

import email
import email.policy
import re

import duckdb
import pytest

from assets.deliveries.batches import read_rows
from assets.outbox.config import OutboxConfig
from assets.outbox.running import take_all
from assets.warehouse.published import publish
from senders.event import Event, Kind
from senders.ledger.outbox import MailState
from senders.rendering.context import SendContext
from senders.rendering.renderer import Renderer
from senders.rendering.saved import load_template
from senders.tracking.tokens import send_tokens

CONFIG = OutboxConfig()
CONFIRM = {"confirm_url": "https://mail.shop.example/k/" + "a" * 43, "form": "Trail <notes>", "days": 7}
LINK = {"preferences_url": "https://mail.shop.example/p/" + "b" * 56, "hours": 24}


def built(outgoing):
    """Return the one message of the one send as the render child makes it."""
    with outgoing.mailrail.open_ledger() as ledger:
        (send,) = ledger.sends()
    folder = outgoing.mailrail.home / send.folder
    context = SendContext(
        profile=outgoing.mailrail.profile(send.sender),
        tokens=send_tokens(outgoing.mailrail.keyring(), send.send_no),
        send_id=send.send_id,
        campaign=send.campaign,
        topic=send.topic,
        base_url=outgoing.mailrail.base_url,
        sent_at=send.opened_at,
    )
    (row,) = read_rows(str(folder / "shard-0000.parquet"), [1])
    message = Renderer(load_template(folder / "template.json"), context).build(row)
    return email.message_from_bytes(message.raw, policy=email.policy.default)


@pytest.mark.parametrize(
    ("template", "fields", "language", "subject"),
    [
        ("confirm_signup", CONFIRM, "en", "Please confirm: Trail <notes>"),
        ("confirm_signup", CONFIRM, "de", "Bitte bestätigen: Trail <notes>"),
        ("preference_link", LINK, "en", "change it here"),
        ("preference_link", LINK, "de", "hier ändern"),
    ],
)
def test_the_secret_link_goes_to_its_page_alone(outgoing, template, fields, language, subject):
    request = outgoing.request("ada", template=template, fields=fields, language=language)
    outgoing.ask(request)
    with outgoing.mailrail.open_ledger() as ledger:
        ledger.record([Event("a" * 32, Kind.SUBSCRIBED, outgoing.clock.now(), address_hash=request.address_hash)])
    assert take_all(outgoing.mailrail, CONFIG).taken == 1
    message = built(outgoing)
    assert subject in message["Subject"]
    html = message.get_body(("html",)).get_content()
    url = fields.get("confirm_url") or fields["preferences_url"]
    assert re.findall(r'href="([^"]+)"', html).count(url) == 1
    # Through our redirect its token would be stored as a click's target.
    assert "/c/" not in html
    assert "/o/" not in html
    assert "Trail <notes>" not in html
    assert url in message.get_body(("plain",)).get_content()


def test_a_link_to_the_preferences_reaches_nobody_whom_we_do_not_know(outgoing):
    known, stranger = (outgoing.request(name, template="preference_link", fields=LINK) for name in ("ada", "eve"))
    outgoing.ask(known, stranger)
    with outgoing.mailrail.open_ledger() as ledger:
        ledger.record(
            [Event("a" * 32, Kind.UNSUBSCRIBED, outgoing.clock.now(), address_hash=known.address_hash, scope="x")]
        )
    done = take_all(outgoing.mailrail, CONFIG)
    assert (done.taken, done.refused) == (1, 1)
    with outgoing.mailrail.open_ledger() as ledger:
        refused = ledger.mail("eve")
        assert (refused.state, ledger.mail("ada").state) == (MailState.REFUSED, MailState.TAKEN)
    assert refused.reason.startswith("nothing is known of the address")


def test_a_contact_of_the_warehouse_is_no_stranger(outgoing):
    contact, stranger = (outgoing.request(name, template="preference_link", fields=LINK) for name in ("ada", "eve"))
    warehouse = outgoing.mailrail.home / "published-from.duckdb"
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("create schema marts; create schema segments")
        connection.execute("create table marts.dim_contacts as select ? as contact_id", [contact.address_hash.hex()])
    publish(warehouse, outgoing.mailrail.published, "one")
    outgoing.ask(contact, stranger)
    done = take_all(outgoing.mailrail, CONFIG)
    assert (done.taken, done.refused) == (1, 1)
    with outgoing.mailrail.open_ledger() as ledger:
        assert ledger.mail("ada").state == MailState.TAKEN


def test_a_confirmation_reaches_strangers(outgoing):
    outgoing.ask(outgoing.request("eve", fields=CONFIRM))
    assert take_all(outgoing.mailrail, CONFIG).taken == 1
