"""One contact: what is known, what may be sent, and everything that happened, newest first.

Add a fact here when the marts know it of a contact. The happenings and their words come from ``timeline``; addresses
are masked by the marts' query.
"""

from collections.abc import Mapping
from typing import Any

import polars as pl
from dash import dcc, html

from dashboards.elements import Column, Part, badge, card, empty, facts, page_head, row, table, words
from dashboards.formats import count, moment, money
from dashboards.timeline import Timeline

FIELD = "address"
MOST = 500
_TONES = {
    **dict.fromkeys(("clicked", "order"), "good"),
    **dict.fromkeys(("unsubscribed", "bounced", "soft_bounced", "complained"), "act"),
}
_CONSENT = {"granted": "good", "denied": "act"}


def contacts_page(*, unknown: bool = False) -> Part:
    """Return the page that asks for an address, and says so where the one before was not found."""
    return html.Main(
        [
            page_head("Contacts", "Find a contact", "What is known of one person, and everything that happened."),
            row(
                card(
                    "By address",
                    "On this machine the address becomes the contact's number; it does not stay in the address line.",
                    _form(),
                    empty("No contact has this address.") if unknown else None,
                    width=7,
                )
            ),
        ]
    )


def _form() -> Part:
    return html.Form(
        [
            html.Label("Address", htmlFor=FIELD),
            dcc.Input(id=FIELD, name=FIELD, type="email", autoComplete="off", required=True),
            html.Button("Show", type="submit"),
        ],
        action="/contacts/find",
        method="post",
        className="find",
    )


def contact_page(timeline: Timeline, *, currency: str = "") -> Part:
    """Return the page of one contact."""
    contact = timeline.contact
    name = words(f"{contact['first_name'] or ''} {contact['last_name'] or ''}", 80)
    consent = contact["consent"] or "unknown"
    return html.Main(
        [
            page_head(
                ["Contacts · ", words(contact["masked"], 80)],
                name or words(contact["masked"], 80),
                [count(contact["orders"]), " orders worth ", html.B(money(contact["total_spent"], currency))],
                badge(f"consent {words(consent)}", _CONSENT.get(consent, "watch")),
                *(badge(f"suppressed: {words(each['reason'])}", "act") for each in contact["suppressions"]),
            ),
            row(_known(contact), _may(contact)),
            row(_happenings(timeline.happenings, currency)),
        ]
    )


def _known(contact: Mapping[str, Any]) -> Part:
    place = ", ".join(words(contact[name]) for name in ("city", "country") if contact[name])
    return card(
        "What is known",
        "The contact as the sources say it now, the winning source first.",
        facts(
            [
                ("Contact", words(contact["contact_id"])),
                ("Place", [place or "–"]),
                ("Language", [words(contact["locale"]) or "–"]),
                ("First source", [f"{words(contact['first_source'])}, {count(contact['sources'])} in all"]),
                ("Known since", [moment(contact["created_at"])]),
                ("Last order", [moment(contact["last_ordered_at"])]),
                ("Last product", [words(contact["last_product_name"]) or "–"]),
            ]
        ),
        width=6,
    )


def _may(contact: Mapping[str, Any]) -> Part:
    tracking = {True: "yes", False: "no"}.get(contact["tracking_consent"], "not asked")
    stops = [
        (words(each["scope"]) or "everything", words(each["reason"]), moment(each["suppressed_at"]))
        for each in contact["suppressions"]
    ]
    said = [
        (words(each["topic"]) or "everything", badge(*_said(each)), _proof(each), moment(each["stated_at"]))
        for each in contact["consents"]
    ]
    chosen = [
        (words(each["name"]), words(each["value"]) or "–", moment(each["preferred_at"])) for each in contact["choices"]
    ]
    return card(
        "What may be sent",
        "Consent as stated, where and when; suppressions win over everything but a later word of the person.",
        facts(
            [
                ("Consent", [words(contact["consent"]) or "unknown"]),
                ("Basis", [words(contact["consent_basis"]) or "–"]),
                ("Since", [moment(contact["consent_at"])]),
                ("Tracking", [tracking]),
            ]
        ),
        table([Column("Suppressed for"), Column("Reason"), Column("Since", "nb")], stops)
        if stops
        else empty("Nothing is suppressed."),
        table([Column("Consent to"), Column("Said"), Column("Proof"), Column("When", "nb")], said) if said else None,
        table([Column("Choice"), Column("Value"), Column("Since", "nb")], chosen) if chosen else None,
        width=6,
    )


def _said(consent: Mapping[str, Any]) -> tuple[str, str]:
    """Return what was said, or what became of it, and its tone."""
    if consent["voided_at"]:
        return "ended by an unsubscribe", "watch"
    if consent["expires_at"]:
        return f"{words(consent['consent'])} until {moment(consent['expires_at'])}", "watch"
    return words(consent["consent"]), _CONSENT.get(consent["consent"], "watch")


def _proof(consent: Mapping[str, Any]) -> str:
    return " · ".join(words(part, 80) for part in (consent["source"], consent["basis"]) if part)


def _happenings(happenings: pl.DataFrame, currency: str) -> Part:
    newest = happenings.reverse().head(MOST)
    rows = [
        (
            moment(each["at"]),
            badge(words(each["kind"]), _tone(each)),
            [words(each["title"], 120), html.Span(words(each["detail"], 200), className="under")],
            dcc.Link(words(each["send_id"]), href=f"/campaigns/{words(each['send_id'])}") if each["send_id"] else "",
            money(each["amount"], currency) if each["amount"] is not None else "",
        )
        for each in newest.to_dicts()
    ]
    columns = [
        Column("When", "nb"),
        Column("What", "nb"),
        Column("In words"),
        Column("Send", "nb"),
        Column("Amount", "n"),
    ]
    cut = f" The newest {MOST} are shown." if happenings.height > MOST else ""
    return card(
        "Timeline",
        f"Messages, what came back, changes of consent, orders, and the sends this person was left out of.{cut}",
        table(columns, rows) if rows else empty("Nothing has happened yet."),
    )


def _tone(happening: Mapping[str, Any]) -> str:
    return "" if happening["is_machine"] else _TONES.get(happening["kind"], "")
