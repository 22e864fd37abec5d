"""How a person's timeline looks on the terminal: who it is, then a line for each happening.

Add a glyph here for a new kind of happening. The words come from ``dashboards.timeline``; addresses are masked by
those who hand them in.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from dashboards.formats import money, plain
from dashboards.glossary import REASONS, term

# Glyph and style by kind; what a machine did is dim whatever it is.
_GLYPHS = {
    "message": ("→", "name"),
    "opened": ("○", "good"),
    "clicked": ("●", "good"),
    "viewed": ("○", "good"),
    "unsubscribed": ("✘", "act"),
    "bounced": ("↩", "act"),
    "soft_bounced": ("↩", "act"),
    "complained": ("▲", "act"),
    "subscription": ("✎", "watch"),
    "exclusion": ("−", "watch"),
    "order": ("◆", "bold"),
}
_UNDATED = ("no date   ", "     ")  # a source told it and did not say when
_TITLE_MOST = 56
_GOOD_END = ("accepted", "queued", "offered")


def render_lifeline(contact: dict[str, Any], happenings: Sequence[dict[str, Any]], *, earlier: int = 0) -> Group:
    """Return a contact's head and happenings; ``earlier`` is how many older ones are not among them."""
    parts: list[RenderableType] = [_head(contact), _facts(contact), Text()]
    if earlier:
        parts.append(Text(f"  … {earlier:,} earlier; --limit 0 shows all", style="mute"))
    parts += _lines(happenings) if happenings else [Text("  nothing has happened yet", style="mute")]
    return Group(*parts)


def _head(contact: dict[str, Any]) -> Text:
    name = plain(" ".join(part for part in (contact["first_name"], contact["last_name"]) if part))
    place = plain(", ".join(part for part in (contact["city"], contact["country"]) if part))
    return Text.assemble((plain(contact["email"]), "bold"), (f"  {'  '.join(p for p in (name, place) if p)}", "mute"))


def _facts(contact: dict[str, Any]) -> Table:
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="mute", no_wrap=True)
    facts.add_row("  consent", _consent(contact))
    if topics := [row for row in contact["consents"] if row["topic"] or row["voided_at"] or row["expires_at"]]:
        facts.add_row("  by topic", Text("\n".join(map(_topic, topics))))
    facts.add_row("  tracking", _TRACKING[contact["tracking_consent"]])
    if contact["choices"]:
        chosen = (f"{plain(row['name'])} {plain(row['value']) or '–'}" for row in contact["choices"])
        facts.add_row("  chose", Text(" · ".join(chosen)))
    facts.add_row("  suppressed", _suppressed(contact["suppressions"]))
    facts.add_row("  first seen", _joined(f"{_day(contact['created_at'])} in {plain(contact['first_source'])}"))
    facts.add_row("  orders", _orders(contact))
    return facts


_TRACKING = {True: "allowed", False: Text("not allowed: no pixel, plain links", style="watch"), None: "nobody said"}


def _consent(contact: dict[str, Any]) -> Text:
    style = {"granted": "good", "denied": "act"}.get(contact["consent"], "watch")
    since = f"since {_day(contact['consent_at'])}" if contact["consent_at"] else ""
    text = _joined(plain(contact["consent_basis"]), since)
    return Text.assemble((plain(contact["consent"]), style), (f"  {text}" if text.plain else "", "mute"))


def _topic(row: dict[str, Any]) -> str:
    """Return one statement of consent in a line, with what ended or will end it."""
    ended = f", ended {_day(row['voided_at'])}" if row["voided_at"] else ""
    until = f", until {_day(row['expires_at'])}" if row["expires_at"] else ""
    how = " · ".join(plain(part) for part in (row["source"], row["basis"]) if part)
    return (
        f"{plain(row['topic']) or 'everything'}: {plain(row['consent'])} {_day(row['stated_at'])}{until}{ended} · {how}"
    )


def _suppressed(suppressions: Sequence[dict[str, Any]]) -> Text:
    if not suppressions:
        return Text("no", style="good")
    lines = []
    for row in suppressions:
        reason = term(REASONS, row["reason"]).name.lower()
        lines.append(f"from {plain(row['scope']) or 'everything'}: {reason} since {_day(row['suppressed_at'])}")
    return Text("\n".join(lines), style="act")


def _orders(contact: dict[str, Any]) -> Text:
    if not contact["orders"]:
        return Text("none", style="mute")
    last = f"last {_day(contact['last_ordered_at'])}" if contact["last_ordered_at"] else ""
    bought = plain(contact["last_product_name"])
    return _joined(f"{contact['orders']:,}", f"{money(contact['total_spent'])} spent", last, bought)


def _lines(happenings: Sequence[dict[str, Any]]) -> Iterator[Text]:
    """Yield one line a happening; what does not fit on the terminal is cut off at the end, where the details are."""
    width = min(_TITLE_MOST, max(len(row["title"]) for row in happenings))
    amounts = [money(row["amount"]) if row["amount"] is not None else "" for row in happenings]
    widest = max(map(len, amounts))
    day = ""
    for row, amount in zip(happenings, amounts, strict=True):
        present, clock = f"{row['at']:%Y-%m-%d}|{row['at']:%H:%M}".split("|") if row["at"] else _UNDATED
        date, day = (present if present != day else " " * len(present)), present
        glyph, style = _glyph(row)
        title = Text(row["title"], style="mute" if row["is_machine"] else "")
        title.truncate(width, overflow="ellipsis", pad=True)
        yield Text.assemble(
            (f"  {date} {clock}  ", "mute"),
            (glyph, style),
            "  ",
            title,
            (f"  {amount:>{widest}}" if widest else "", "bold"),
            (f"  {row['detail']}", "mute"),
            no_wrap=True,
            overflow="ellipsis",
        )


def _glyph(row: dict[str, Any]) -> tuple[str, str]:
    glyph, style = _GLYPHS.get(row["kind"], ("·", ""))
    if row["is_machine"]:
        return glyph, "mute"
    if row["kind"] == "message" and not row["title"].endswith(_GOOD_END):
        return glyph, "watch"
    return glyph, style


def _joined(*parts: str) -> Text:
    return Text(" · ".join(part for part in parts if part))


def _day(at: datetime | None) -> str:
    return "–" if at is None else f"{at.day} {at:%b %Y}"
