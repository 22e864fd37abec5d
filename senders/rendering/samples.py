"""Sample contacts: people who do not exist, with the names and gaps that break mails.

Templates are tried with them, previews show them and test mails carry them where no real person's data is wanted.
Add a contact here when a kind of value has ever broken a mail; how templates are tried belongs to ``trial``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

_MOMENT = datetime(2026, 4, 1, 9, 30)  # noqa: DTZ001 - the marts write UTC without zone
_USUAL: Mapping[str, object] = {
    "first_name": "Maya",
    "last_name": "Lindqvist",
    "country": "DE",
    "city": "Hamburg",
    "locale": "en-GB",
    "consent": "granted",
    "consent_basis": "asked on the sign-up page",
    "consent_at": _MOMENT,
    "consent_expires_at": _MOMENT,
    "tracking_consent": True,
    "tracking_consent_at": _MOMENT,
    "first_source": "web_signups",
    "sources": 2,
    "bucket": 7,
    "created_at": _MOMENT,
    "updated_at": _MOMENT,
    "orders": 4,
    "total_spent": 312.4,
    "first_ordered_at": _MOMENT,
    "last_ordered_at": _MOMENT,
    "last_product_id": "p-1042",
    "last_product_name": "Fellrunner 2 boots",
}
_GAPS = (
    "first_name", "last_name", "country", "city", "locale", "consent_basis", "consent_at", "consent_expires_at",
    "tracking_consent_at", "first_ordered_at", "last_ordered_at", "last_product_id", "last_product_name",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sample:
    """One made-up contact; ``what`` says in a few words what is special about it."""

    what: str
    changes: Mapping[str, object] = field(default_factory=dict)

    def row(self, seq: int) -> dict[str, object]:
        """Return the contact as a row of an audience."""
        address = f"sample{seq}@contact.example"
        return {
            **_USUAL,
            **self.changes,
            "seq": seq,
            "contact_id": f"{seq:032x}",
            "address": address,
            "email": address,
            "mailbox_domain": "contact.example",
            "tracking": True,
            "variant": "",
        }


# The first are the ones that a preview shows.
SAMPLES = (
    Sample("an ordinary contact"),
    Sample("nothing but an address", {**dict.fromkeys(_GAPS), "orders": None, "total_spent": None}),
    Sample("a name of 60 characters", {"first_name": "Maximiliane Wilhelmine Friederike Charlotte Auguste Viktoria"}),
    Sample(
        "Arabic, from right to left",
        {"first_name": "محمد", "last_name": "الأحمد", "city": "الإسكندرية", "locale": "ar-EG"},
    ),
    Sample("emoji", {"first_name": "Zoë 🌻", "city": "👩‍👩‍👧‍👦 Town"}),
    Sample(
        "a name of 60 characters without a space",
        {"first_name": "Taumatawhakatangihangakoauauotamateaturipukakapikimaungahoro"},
    ),
    Sample("an empty first name", {"first_name": "", "last_name": ""}),
    Sample("a first name of spaces", {"first_name": "   "}),
    Sample("a last name only", {"first_name": None}),
    Sample(
        "Hebrew, from right to left", {"first_name": "נועה", "last_name": "כהן", "city": "תל אביב", "locale": "he-IL"}
    ),
    Sample("Chinese", {"first_name": "美玲", "last_name": "王", "city": "上海", "locale": "zh-CN"}),
    Sample("Greek and accents", {"first_name": "Ἀθηνᾶ", "last_name": "Łukaszewicz-Ñáñez", "city": "Reykjavík"}),
    Sample("combining marks", {"first_name": "Á̷l̶e̵x̸", "city": "Nâ̂mes"}),
    Sample("double quotes", {"first_name": 'Ann "Annie"', "last_product_name": '12" tent peg, "steel"'}),
    Sample("apostrophes", {"first_name": "D'Arcy", "last_name": "O’Neill", "city": "L'Aquila"}),
    Sample("angle brackets", {"first_name": "<b>Bob</b>", "last_product_name": "<img src=x onerror=alert(1)>"}),
    Sample("an ampersand and an entity", {"first_name": "Tom &amp; Jerry", "city": "Bed & Breakfast &lt;3"}),
    Sample(
        "braces as in a template", {"first_name": "{{ 7*7 }}", "city": "{% raw %}", "last_product_name": "{# no #}"}
    ),
    Sample("line ends and control characters", {"first_name": "Eve\r\nBcc: all@contact.example", "city": "A\x00B\tC"}),
    Sample(
        "a long product name",
        {
            "last_product_name": "Waterproof all-season expedition jacket with detachable hood, "
            "recycled shell, mended for life, colour: midnight blue, size: extra large tall"
        },
    ),
    Sample(
        "no order yet",
        {
            "orders": 0,
            "total_spent": 0.0,
            "first_ordered_at": None,
            "last_ordered_at": None,
            "last_product_id": None,
            "last_product_name": None,
        },
    ),
    Sample("very many orders", {"orders": 1_234_567, "total_spent": 98_765_432.1}),
    Sample("numbers that are missing", {"orders": None, "total_spent": float("nan")}),
    Sample("capital letters", {"first_name": "MAYA", "last_name": "LINDQVIST", "city": "SANKT PETER-ORDING"}),
)


def sample_rows() -> list[dict[str, object]]:
    """Return all sample contacts as rows of an audience."""
    return [sample.row(seq) for seq, sample in enumerate(SAMPLES, 1)]
