import dataclasses
import json
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from assets.audiences.freeze import freeze_audience
from assets.deliveries.preflight import run_preflight
from assets.deliveries.receipts import authorise, open_send
from assets.events import loading
from assets.events.loading import load_events
from senders.event import Event, Kind, derive_event_id
from senders.ledger.store import Ledger
from tests.fixtures.audiences import NOW, SEND_ID, World, define, naive


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    for number in range(12):
        world.add(f"p{number}@mail.example")
    world.add("no@other.example", consent="denied")
    world.publish()
    return world


@pytest.fixture
def ledger(world: World):
    with world.mailrail.open_ledger() as ledger:
        definition, mailrail = define(), world.mailrail
        freeze_audience(definition, world.campaign, mailrail, ledger, send_id=SEND_ID)
        run_preflight(definition, world.campaign, mailrail, ledger, send_id=SEND_ID)
        authorise(
            definition, world.campaign, mailrail, ledger,
            send_id=SEND_ID, confirm=12, approved_by="me", is_scheduled=False,
        )  # fmt: skip
        open_send(definition, world.campaign, mailrail, ledger, send_id=SEND_ID)
        yield ledger


def opened(number: int, **values) -> Event:
    return Event(
        derive_event_id("open", str(number)), Kind.OPENED, NOW + timedelta(seconds=number), 1, number, **values
    )


def load(world: World, ledger: Ledger):
    return load_events(world.mailrail.warehouse, world.home, ledger)


def rows(world: World, sql: str) -> list[tuple]:
    with duckdb.connect(str(world.mailrail.warehouse), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def test_copies_the_send_with_everything_that_belongs_to_it(world: World, ledger: Ledger) -> None:
    loaded = load(world, ledger)
    assert loaded.rows["mail_recipients"] == loaded.rows["mail_messages"] == 12
    assert rows(
        world,
        "select send_id, topic, scheduled_at, state, audience_rows, included,"
        " published_version, git_commit, template_hash is not null from raw.mail_sends",
    ) == [(SEND_ID, "offers", datetime(2026, 11, 3, 9), "running", 12, 13, "v1", "abc", True)]
    assert rows(world, "select contact_id, reason, detail from raw.mail_exclusions") == [
        (world.contact_id("no@other.example"), "no_consent", "consent denied")
    ]
    assert rows(
        world, "select message_key, seq, mailbox_domain, variant from raw.mail_recipients order by seq limit 1"
    ) == [((1 << 32) + 1, 1, "mail.example", "")]
    assert rows(world, "select distinct state, tries from raw.mail_messages") == [("queued", 0)]
    assert rows(world, "select url, role from raw.mail_links order by link_no") == [
        ("https://shop.example/sale", "content"),
        ("", "unsubscribe"),
    ]


def test_the_specimen_comes_along_once(world: World, ledger: Ledger) -> None:
    assert load(world, ledger).rows["mail_specimens"] == 1
    ((send_no, subject, html),) = rows(world, "from raw.mail_specimens")
    assert (send_no, subject) == (1, "News for you")
    assert "#link-1" in html
    ledger.set_send_state(SEND_ID, "cancelled", "test")
    assert "mail_specimens" not in load(world, ledger).rows
    assert rows(world, "select count(*) from raw.mail_specimens") == [(1,)]


@pytest.mark.parametrize("text", [None, "", '{"subject": "a", "html": "\\ud800"}'])
def test_a_send_without_a_usable_specimen_is_loaded_like_any_other(world: World, ledger: Ledger, text) -> None:
    path = world.mailrail.send_folder(SEND_ID) / "specimen.json"
    path.unlink() if text is None else path.write_text(text)
    loaded = load(world, ledger)
    assert loaded.rows["mail_recipients"] == 12
    assert "mail_specimens" not in loaded.rows
    assert rows(world, "from raw.mail_specimens") == []


def test_a_warehouse_that_is_older_than_specimens_gets_the_table(world: World, ledger: Ledger) -> None:
    load(world, ledger)
    with duckdb.connect(str(world.mailrail.warehouse)) as connection:
        connection.execute("drop table raw.mail_specimens")
    ledger.record([opened(1)])
    assert load(world, ledger).rows["mail_inbound"] == 1
    assert rows(world, "from raw.mail_specimens") == []  # the send was loaded before


def test_events_arrive_once_and_with_all_they_say(world: World, ledger: Ledger) -> None:
    event = opened(3, user_agent="Mozilla", ip="10.0.0.1", method="GET")
    ledger.record([event])
    assert load(world, ledger).rows["mail_inbound"] == 1
    ledger.record([event, opened(4)])
    assert load(world, ledger).rows["mail_inbound"] == 1
    assert "mail_inbound" not in load(world, ledger).rows
    found = rows(
        world,
        "select event_id, kind, message_key, occurred_at, user_agent, ip, method, contact_id"
        " from raw.mail_inbound order by inbound_id",
    )
    assert [row[0] for row in found] == [event.event_id, opened(4).event_id]
    message = ledger.message(1, 3)
    assert found[0][1:] == (
        "opened", (1 << 32) + 3, naive(NOW + timedelta(seconds=3)), "Mozilla", "10.0.0.1", "GET",
        message.address_hash.hex(),
    )  # fmt: skip


def test_running_it_again_changes_nothing(world: World, ledger: Ledger) -> None:
    ledger.record([opened(number) for number in range(1, 6)])
    load(world, ledger)
    tables = [
        "mail_sends",
        "mail_recipients",
        "mail_exclusions",
        "mail_messages",
        "mail_links",
        "mail_inbound",
        "high_water",
    ]
    before = {table: rows(world, f"select * from raw.{table} order by all") for table in tables}
    load(world, ledger)
    assert {table: rows(world, f"select * from raw.{table} order by all") for table in tables} == before


@pytest.mark.parametrize("fails_at", ["high_water", "mail_attempts", "mail_inbound", "mail_messages"])
def test_a_load_that_dies_leaves_nothing_and_the_next_has_all(
    world: World, ledger: Ledger, monkeypatch: pytest.MonkeyPatch, fails_at: str
) -> None:
    ledger.record([opened(1)])
    ledger.set_send_state(SEND_ID, "cancelled", "test")  # writes attempts
    original = loading.insert

    def dying(connection, table, given):
        if table == fails_at:
            raise RuntimeError("killed")
        return original(connection, table, given)

    with monkeypatch.context() as patch:
        patch.setattr(loading, "insert", dying)
        with pytest.raises(RuntimeError, match="killed"):
            load(world, ledger)
    assert rows(world, "select count(*) from duckdb_tables() where schema_name = 'raw'") == [(0,)]
    loaded = load(world, ledger)
    assert (loaded.rows["mail_inbound"], loaded.rows["mail_attempts"], loaded.rows["mail_recipients"]) == (1, 12, 12)
    assert loaded.marks == {"inbound": 1, "attempts": 12}


def test_pages_follow_each_other_without_gap(world: World, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "PAGE", 2)
    ledger.record([opened(number) for number in range(1, 8)])
    assert load(world, ledger).rows["mail_inbound"] == 7
    assert rows(world, "select count(*), count(distinct event_id) from raw.mail_inbound") == [(7, 7)]


def test_messages_and_send_follow_the_ledger(world: World, ledger: Ledger) -> None:
    load(world, ledger)
    ledger.set_send_state(SEND_ID, "cancelled", "test")
    ledger.finish_send(1)
    load(world, ledger)
    assert rows(world, "select distinct state from raw.mail_messages") == [("cancelled",)]
    assert rows(world, "select state, finished_at is not null from raw.mail_sends") == [("cancelled", True)]
    assert load(world, ledger).rows == {}


def test_the_origin_of_a_send_outlives_its_files(world: World, ledger: Ledger) -> None:
    load(world, ledger)
    folder = world.mailrail.send_folder(SEND_ID)
    for path in folder.iterdir():
        path.unlink()
    ledger.set_send_state(SEND_ID, "cancelled", "test")
    load(world, ledger)
    assert rows(world, "select state, included, git_commit from raw.mail_sends") == [("cancelled", 13, "abc")]


def test_a_send_without_its_files_keeps_nobodys_events_out(world: World, ledger: Ledger) -> None:
    folder = world.mailrail.send_folder(SEND_ID)
    for path in folder.glob("*.parquet"):
        path.unlink()
    ledger.record([opened(1)])
    loaded = load(world, ledger)
    assert (loaded.rows["mail_recipients"], loaded.rows["mail_inbound"]) == (12, 1)
    known = {row.address_hash.hex() for row in (ledger.message(1, seq) for seq in range(1, 13)) if row}
    assert {contact for (contact,) in rows(world, "select contact_id from raw.mail_recipients")} == known


def test_a_rehearsal_counts_for_nothing(world: World) -> None:
    mailrail = dataclasses.replace(world.mailrail, rehearsing={"shop"})
    with mailrail.open_ledger() as ledger:
        freeze_audience(define(), world.campaign, mailrail, ledger, send_id=SEND_ID)
        run_preflight(define(), world.campaign, mailrail, ledger, send_id=SEND_ID)
        authorise(
            define(), world.campaign, mailrail, ledger,
            send_id=SEND_ID, confirm=12, approved_by="me", is_scheduled=False,
        )  # fmt: skip
        open_send(define(), world.campaign, mailrail, ledger, send_id=SEND_ID)
        ledger.set_send_state(SEND_ID, "cancelled")  # leaves an attempt for each message
        ledger.record([opened(1), Event(derive_event_id("x", "y"), Kind.UNSUBSCRIBED, NOW, address_hash=b"a" * 16)])
        assert len(ledger.attempts_after(0, 100)) == 12
        load(world, ledger)
    for table in ("mail_sends", "mail_messages", "mail_recipients", "mail_attempts"):
        assert rows(world, f"select count(*) from raw.{table}") == [(0,)]
    assert rows(world, "select kind from raw.mail_inbound") == [("unsubscribed",)]


def said(kind: Kind, number: int, **values) -> Event:
    body = {"email": f"é{number}@mail.example", "name": "x", "value": "1", "properties": {"n": [1, {"a": None}]}}
    return Event(derive_event_id(kind, str(number)), kind, NOW, address_hash=bytes([number]) * 16, body=body, **values)


NEW_KINDS = (Kind.SIGNED_UP, Kind.SUBSCRIBED, Kind.PREFERRED, Kind.REPORTED, Kind.UPSERTED)


def test_what_people_and_programs_say_arrives_once_with_its_body(world: World, ledger: Ledger) -> None:
    events = [said(kind, number, scope="news") for number, kind in enumerate(NEW_KINDS, start=1)]
    ledger.record(events[::-1])
    assert load(world, ledger).rows["mail_inbound"] == 5
    ledger.record([*events, events[0], said(Kind.REPORTED, 9)])
    assert load(world, ledger).rows["mail_inbound"] == 1
    found = rows(
        world, "select kind, contact_id, scope, body, record_version from raw.mail_inbound order by inbound_id"
    )
    assert [row[0] for row in found] == [kind.value for kind in NEW_KINDS[::-1]] + ["reported"]
    assert found[0][1] == "05" * 16
    for event, row in zip([*events[::-1], said(Kind.REPORTED, 9)], found, strict=True):
        assert json.loads(row[3]) == event.body
        assert row[4] == 2


def test_an_event_without_a_body_has_none(world: World, ledger: Ledger) -> None:
    ledger.record([opened(1)])
    load(world, ledger)
    assert rows(world, "select body, record_version from raw.mail_inbound") == [(None, 2)]


def test_rows_of_the_previous_form_stay_and_new_ones_come_beside_them(world: World, ledger: Ledger) -> None:
    """The tables as the version before wrote them: no body, no record_version, no stream, no tracking."""
    ledger.record([opened(1)])
    load(world, ledger)
    with duckdb.connect(str(world.mailrail.warehouse)) as connection:
        for table, column in (
            ("mail_inbound", "body"), ("mail_inbound", "record_version"), ("mail_sends", "stream"),
            ("mail_recipients", "tracking"), ("contacts", "consent_expires_at"),
        ):  # fmt: skip
            connection.execute(f"alter table raw.{table} drop column {column}")
    ledger.record([said(Kind.REPORTED, 1)])
    assert load(world, ledger).rows["mail_inbound"] == 1
    found = rows(world, "select kind, body is null, record_version from raw.mail_inbound order by inbound_id")
    assert found == [("opened", True, None), ("reported", False, 2)]


def test_the_send_says_its_stream_and_each_recipient_whether_it_is_tracked(world: World, ledger: Ledger) -> None:
    load(world, ledger)
    assert rows(world, "select distinct stream from raw.mail_sends") == [("marketing",)]
    assert rows(world, "select distinct tracking from raw.mail_recipients") == [(False,)]  # nobody said yes
