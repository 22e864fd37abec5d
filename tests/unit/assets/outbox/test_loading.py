"""Transactional sends in the warehouse: as every send, and told apart by their stream."""

import duckdb

from assets.events.loading import load_events
from assets.outbox.config import OutboxConfig
from assets.outbox.running import take_all
from assets.warehouse.tables import create_raw_tables
from senders.message import State


def rows(outgoing, sql):
    with duckdb.connect(str(outgoing.mailrail.warehouse), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def test_they_are_loaded_with_recipients_and_add_up(outgoing):
    with duckdb.connect(str(outgoing.mailrail.warehouse)) as connection:
        create_raw_tables(connection)
    outgoing.ask(outgoing.request("a"), outgoing.request("b"), outgoing.request("c", language="de"))
    take_all(outgoing.mailrail, OutboxConfig())
    with outgoing.mailrail.open_ledger() as ledger:
        load_events(outgoing.mailrail.warehouse, outgoing.mailrail.home, ledger)
        sends = rows(outgoing, "select campaign, stream, topic, audience_rows, template_hash from raw.mail_sends")
        assert sorted(sends) == [
            ("confirm_signup", "transactional", "transactional.asked", 1, None),
            ("confirm_signup", "transactional", "transactional.asked", 2, None),
        ]
        addresses = rows(outgoing, "select contact_id, mailbox_domain, tracking from raw.mail_recipients")
        hashes = {outgoing.request(name).address_hash.hex() for name in "abc"}
        assert {contact for contact, _, _ in addresses} == hashes
        assert {(domain, tracking) for _, domain, tracking in addresses} == {("contact.example", False)}
        assert rows(outgoing, "select state, count(*) from raw.mail_messages group by 1") == [("queued", 3)]

        with ledger._database.write() as connection:
            connection.execute("update messages set state = 'in_doubt'")
            connection.execute("update shards set done = 1")
        assert ledger.finish_mail() == 2
        load_events(outgoing.mailrail.warehouse, outgoing.mailrail.home, ledger)
        with ledger._database.write() as connection:
            connection.execute("update messages set state = 'accepted' where seq = 1")
        load_events(outgoing.mailrail.warehouse, outgoing.mailrail.home, ledger)
    moved = rows(outgoing, "select state, count(*) from raw.mail_messages group by 1 order by 1")
    assert moved == [(State.ACCEPTED, 2), (State.IN_DOUBT, 1)]
