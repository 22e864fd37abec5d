import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assets.deliveries.specimens import MAX_BYTES, SPECIMEN_FILE, draw_specimen, field_kinds, load_specimen
from senders.rendering.links import Link
from senders.rendering.specimen import Specimen
from senders.rendering.template import CompiledTemplate


def template(html: str, fields: tuple[str, ...] = ()) -> CompiledTemplate:
    return CompiledTemplate(
        html=html,
        text="",
        subject="News",
        preheader="",
        links=(Link(1, "https://shop.example/", "Shop"),),
        fields=fields,
        optional_fields=(),
        html_is_7bit=True,
        content_hash="",
    )


def test_what_is_drawn_can_be_loaded(tmp_path: Path) -> None:
    text, warnings = draw_specimen(template('<p>Zoë <a href="{{ link_slot_1 }}">Shop</a></p>'), {})
    assert warnings == []
    (tmp_path / SPECIMEN_FILE).write_text(text or "", encoding="utf-8")
    specimen = load_specimen(tmp_path)
    assert specimen is not None
    assert specimen.subject == "News"
    assert '<p>Zoë <a href="#link-1">Shop</a></p>' in specimen.html
    assert set(json.loads(text or "")) == {"subject", "html"}


def test_a_mail_that_nobody_could_get_has_a_warning_and_no_specimen() -> None:
    text, warnings = draw_specimen(template("{{ contact.orders // 0 }}", ("orders",)), {"orders": "number"})
    assert text is None
    assert len(warnings) == 1
    assert "no click map for this send: the template failed for a made-up contact: ZeroDivisionError" in warnings[0]


def test_a_huge_mail_has_a_warning_and_no_specimen() -> None:
    text, warnings = draw_specimen(template("<p>" + "é" * (MAX_BYTES // 2) + "</p>"), {})
    assert text is None
    assert "bytes, at most 200,000 are kept" in warnings[0]
    assert draw_specimen(template("<p>" + "é" * (MAX_BYTES // 2 - 200) + "</p>"), {})[1] == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"subject": "a"}',
        '{"subject": "a", "html": "\\ud800"}',
        json.dumps({"subject": "a", "html": "x" * (MAX_BYTES + 5_000)}),
    ],
)
def test_a_damaged_file_is_none(tmp_path: Path, text: str) -> None:
    assert load_specimen(tmp_path) is None
    (tmp_path / SPECIMEN_FILE).write_text(text)
    assert load_specimen(tmp_path) is None


def test_a_file_is_read_as_it_stands(tmp_path: Path) -> None:
    (tmp_path / SPECIMEN_FILE).write_text('{"subject": "a", "html": "<p>"}')
    assert load_specimen(tmp_path) == Specimen("a", "<p>")


def test_the_audience_says_what_its_fields_hold(tmp_path: Path) -> None:
    values = {
        "seq": 1, "spent": 1.5, "credit": Decimal("2.50"), "born": date(2000, 1, 1),
        "seen": datetime(2026, 1, 1, tzinfo=UTC), "city": "Bonn", "tracking": True,
    }  # fmt: skip
    pq.write_table(pa.Table.from_pylist([values]), tmp_path / "shard.parquet")
    kinds = field_kinds(tmp_path / "shard.parquet")
    assert {name for name, kind in kinds.items() if kind == "number"} == {"seq", "spent", "credit"}
    assert {name for name, kind in kinds.items() if kind == "date"} == {"born", "seen"}
    assert {name for name, kind in kinds.items() if kind == "text"} == {"city", "tracking"}
