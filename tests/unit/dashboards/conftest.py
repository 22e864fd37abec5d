"""A small warehouse in memory: the public marts with the columns of their dbt contracts, and two sends."""

from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pytest
from ruamel.yaml import YAML

from dashboards.reader import SendFrames, read_send

MARTS = Path(__file__).parents[3] / "dbt_project" / "models" / "marts"
TYPES = {"string": "varchar"}
FIRST, SECOND = "welcome_back.20261027T0900Z", "spring_sale.20261103T0900Z"
DUE = datetime(2026, 11, 3, 9)
TODAY = date(2026, 11, 5)
DEFAULTS = {
    "varchar": "",
    "bigint": 0,
    "integer": 0,
    "double": 0.0,
    "boolean": False,
    "timestamp": DUE,
    "date": TODAY,
}
PERIODS = {"7d": 7, "30d": 30, "90d": 90, "365d": 365, "all": 30}


@cache
def contracts() -> dict[str, dict[str, str]]:
    """Return the columns of every mart that has a contract, with their types."""
    models = (
        model for path in sorted(MARTS.rglob("*.yml")) for model in YAML(typ="safe").load(path).get("models") or []
    )
    return {
        model["name"]: {c["name"]: TYPES.get(c["data_type"], c["data_type"]) for c in model["columns"]}
        for model in models
        if model.get("columns") and not model["name"].startswith("seg_")
    }


class Marts:
    """The marts of the contracts, filled by name; what a row does not say gets its type's zero."""

    def __init__(self) -> None:
        self.connection = duckdb.connect()
        self.connection.execute("create schema marts")
        self.columns = contracts()
        for name, columns in self.columns.items():
            listed = ", ".join(f"{column} {kind}" for column, kind in columns.items())
            self.connection.execute(f"create table marts.{name} ({listed})")
        self.always()

    def always(self) -> None:
        """Add the rows that are there before anything was sent."""
        lines = {"bounce_watch": 0.01, "bounce_act": 0.02, "complaint_watch": 0.001, "complaint_act": 0.003}
        self.insert("rpt_provider_lights", fewest=500, **lines)
        self.insert("rpt_freshness", as_of=DUE + timedelta(days=2))
        rates = [name for name in self.columns["rpt_periods"] if "_rate" in name or "_per_" in name]
        for place, (period, days) in enumerate(PERIODS.items(), start=1):
            first = TODAY - timedelta(days=days - 1)
            known = {"starts_on": first, "before_starts_on": first - timedelta(days=days), "ends_on": TODAY}
            self.insert("rpt_periods", period=period, place=place, **known, **dict.fromkeys(rates))

    def insert(self, table: str, **values: Any) -> None:
        columns = self.columns[table]
        unknown = set(values) - set(columns)
        assert not unknown, f"{table} has no {unknown}"
        row = [values.get(name, "few" if name == "light" else DEFAULTS[kind]) for name, kind in columns.items()]
        marks = ", ".join("?" * len(row))
        self.connection.execute(f"insert into marts.{table} values ({marks})", row)

    def send(self, **values: Any) -> None:
        """Add a send to the facts and the roll-up; both tables take what they know."""
        for table in ("fct_sends", "rpt_send_metrics"):
            self.insert(table, **{name: value for name, value in values.items() if name in self.columns[table]})

    def read(self, send_id: str = SECOND) -> SendFrames:
        return read_send(self.connection, send_id)


def first_send(marts: Marts) -> None:
    marts.send(
        send_no=1,
        send_id=FIRST,
        campaign="welcome_back",
        topic="news",
        state="finished",
        scheduled_at=DUE - timedelta(days=7),
        audience=1000,
        audience_rows=1000,
        included=1100,
        excluded=100,
        messages=1000,
        accepted=1000,
        sends=1000,
        deliveries=960,
        delivery_rate=0.96,
        unique_open_rate=0.30,
        unique_click_rate=0.05,
        click_to_open_rate=0.1666,
        unsubscribe_rate=0.002,
        revenue_per_delivery=0.21,
    )


def second_send(marts: Marts, **changed: Any) -> None:
    values = {
        "send_no": 2,
        "send_id": SECOND,
        "campaign": "spring_sale",
        "topic": "offers",
        "state": "finished",
        "scheduled_at": DUE,
        "opened_at": DUE,
        "finished_at": DUE + timedelta(minutes=7, seconds=20),
        "audience_hash": "a1" * 32,
        "content_hash": "c2" * 32,
        "published_version": "20261103T085512Z-41",
        "git_commit": "9f2c1d7",
        "audience": 18240,
        "audience_rows": 18240,
        "included": 21004,
        "excluded": 2764,
        "messages": 18240,
        "accepted": 17905,
        "refused": 291,
        "suppressed": 22,
        "expired": 20,
        "cancelled": 0,
        "in_doubt": 2,
        "sends": 18218,
        "deliveries": 17811,
        "hard_bounces": 352,
        "soft_bounces": 53,
        "bounces": 405,
        "seconds_taken": 440,
        "complaints": 9,
        "unsubscribes": 61,
        "opens": 9120,
        "unique_opens": 6412,
        "machine_opens": 5230,
        "clicks": 1510,
        "unique_clicks": 1103,
        "machine_clicks": 1880,
        "conversions": 184,
        "orders": 201,
        "revenue": 12043.5,
        "delivery_rate": 0.977659,
        "bounce_rate": 0.022231,
        "unique_open_rate": 0.360002,
        "unique_click_rate": 0.061928,
        "click_to_open_rate": 0.172021,
        "unsubscribe_rate": 0.003425,
        "revenue_per_delivery": 0.676183,
    }
    marts.send(**{**values, **changed})


def details(marts: Marts) -> None:
    """Add what a report on the second send shows beside its row."""
    hours(marts)
    stages(marts)
    links(marts)
    providers(marts)
    exclusions(marts)
    before = {"before_send_id": FIRST, "before_campaign": "welcome_back"}
    marts.insert("rpt_send_changes", send_id=SECOND, **before, unique_open_rate=0.060002, unsubscribe_rate=0.001425)
    for seq in (17, 4211):
        marts.insert("rpt_send_doubts", send_id=SECOND, seq=seq, contact_id="7e" * 16, mailbox_domain="gmx.de", tries=1)
    marts.insert(
        "rpt_send_replies",
        send_id=SECOND,
        place=1,
        state="refused",
        code="5.1.1",
        messages=3,
        reply="5.1.1 <u•••@gmx.de>: Recipient address rejected: user unknown",
    )
    clients = [("apple_mpp", 1, 0, "Mozilla/5.0"), ("sweep", 0, 1, "Mozilla/5.0 (Windows NT 10.0) Firefox/126.0")]
    for place, (rule, opens, clicks, client) in enumerate(clients, start=1):
        told = {"opens": opens, "clicks": clicks, "messages": 1, "user_agent": client}
        marts.insert("rpt_send_machines", send_id=SECOND, rule=rule, place=place, **told)


def hours(marts: Marts) -> None:
    for hour in range(60):
        early = 0.93**hour
        opens, machine_opens = round(640 * early + 60 * (hour % 24 in (0, 1, 2, 9, 10))), round(1500 * 0.6**hour)
        marts.insert(
            "rpt_send_engagement",
            send_id=SECOND,
            starts_at=DUE + timedelta(hours=hour),
            ends_at=DUE + timedelta(hours=hour + 1),
            bucket="hour",
            accepted=17905 if hour == 0 else 0,
            opens=opens,
            machine_opens=machine_opens,
            all_opens=opens + machine_opens,
            clicks=round(105 * early),
            machine_clicks=round(700 * 0.5**hour),
            unsubscribes=round(5 * early),
        )


def stages(marts: Marts) -> None:
    before = None
    people = {"audience": 18240, "accepted": 17905, "opened": 6412, "clicked": 1103, "bought": 184}
    for place, (stage, number) in enumerate(people.items(), start=1):
        step = number / before if before else None
        marts.insert(
            "rpt_send_funnel",
            send_id=SECOND,
            stage=stage,
            place=place,
            people=number,
            step_rate=step,
            share=number / 18240,
        )
        before = number


def links(marts: Marts) -> None:
    clicked = [
        ("Shop the sale", "https://shop.example/sale", "content", 420),
        ("Hero image", "https://shop.example/", "content", 241),
        ("Trail jacket", "https://shop.example/p/17", "content", 180),
        ("Day pack 22", "", "content", 151),
        ("Unsubscribe", "", "unsubscribe", 61),
        ("View in browser", "", "view", 50),
    ]
    for number, (label, url, role, clicks) in enumerate(clicked, start=1):
        marts.insert(
            "rpt_send_links",
            send_id=SECOND,
            link_no=number,
            label=label,
            url=url,
            role=role,
            clicks=round(clicks * 1.3),
            unique_clicks=clicks,
            machine_clicks=310 + number,
            share=clicks / 1103,
            of_largest=clicks / 420,
        )


def providers(marts: Marts) -> None:
    taken = [
        ("gmail.com", 7120, 22, 4, 0, "healthy"),
        ("outlook.com", 3240, 38, 12, 4, "watch"),
        ("yahoo.com", 2210, 25, 6, 2, "watch"),
        ("icloud.com", 1930, 12, 2, 0, "healthy"),
        ("gmx.de", 980, 14, 5, 0, "watch"),
        ("comcast.net", 760, 31, 8, 3, "act"),
        ("orange.fr", 240, 4, 1, 0, "few"),
        ("other", 1760, 206, 15, 0, "act"),
    ]
    for place, (domain, messages, hard, soft, complaints, light) in enumerate(taken, start=1):
        delivered = messages - hard - soft
        opened, clicked = round(delivered * 0.36), round(delivered * 0.06)
        marts.insert(
            "rpt_send_providers",
            send_id=SECOND,
            mailbox_domain=domain,
            place=place,
            messages=messages,
            accepted=messages - hard,
            deliveries=delivered,
            hard_bounces=hard,
            soft_bounces=soft,
            complaints=complaints,
            unique_opens=opened,
            unique_clicks=clicked,
            delivered_share=delivered / messages,
            bounce_rate=(hard + soft) / messages,
            complaint_rate=complaints / delivered,
            unique_open_rate=opened / delivered,
            unique_click_rate=clicked / delivered,
            light=light,
        )


def exclusions(marts: Marts) -> None:
    reasons = {
        "no_consent": 1520,
        "unsubscribed": 611,
        "invalid_address": 402,
        "bounced": 141,
        "frequency_cap": 79,
        "complained": 11,
    }
    remaining = 21004
    for place, (reason, contacts) in enumerate(reasons.items(), start=1):
        remaining -= contacts
        told = {"contacts": contacts, "share": contacts / 21004, "remaining": remaining}
        marts.insert("rpt_send_exclusions", send_id=SECOND, reason=reason, place=place, **told)


@pytest.fixture
def empty_marts() -> Marts:
    """The marts without a row."""
    return Marts()


@pytest.fixture
def marts(empty_marts: Marts) -> Marts:
    """Two sends a week apart; the second with everything that a report shows."""
    return filled(empty_marts)


@pytest.fixture(scope="session")
def frames() -> SendFrames:
    """What a report on the second send reads; nobody changes it."""
    return filled(Marts()).read()


def filled(marts: Marts) -> Marts:
    """Fill the marts with two sends."""
    first_send(marts)
    second_send(marts)
    details(marts)
    return marts
