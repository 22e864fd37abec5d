"""The specimen of a send: its mail as reports show it, drawn at preflight and kept beside the template.

Add something here when it concerns how the file is made or read. What a specimen looks like belongs to
``senders.rendering.specimen``, and loading it into the warehouse to ``assets.events``.
"""

import json
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from senders.errors import RenderError
from senders.rendering.specimen import Kind, Specimen, render_specimen
from senders.rendering.template import CompiledTemplate

SPECIMEN_FILE = "specimen.json"
MAX_BYTES = 200_000


def draw_specimen(template: CompiledTemplate, kinds: Mapping[str, Kind]) -> tuple[str | None, list[str]]:
    """Return the text of specimen.json; or None, and the warning that says why reports will do without."""
    try:
        specimen = render_specimen(template, kinds)
    except RenderError as error:
        return None, [f"no click map for this send: {error}"]
    size = len(specimen.html.encode())
    if size > MAX_BYTES:
        return None, [
            f"no click map for this send: the mail's HTML has {size:,} bytes, at most {MAX_BYTES:,} are kept; "
            "shorten the template."
        ]
    return json.dumps({"subject": specimen.subject, "html": specimen.html}, ensure_ascii=False), []


def load_specimen(folder: Path) -> Specimen | None:
    """Read a send's specimen; None where it has none, or none that can be used."""
    try:
        values = json.loads((folder / SPECIMEN_FILE).read_text(encoding="utf-8"))
        specimen = Specimen(str(values["subject"]), str(values["html"]))
        # Encoding tells half a character (a lone surrogate), which JSON can spell and no table can hold.
        size = len(f"{specimen.subject}{specimen.html}".encode())
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return specimen if size <= MAX_BYTES + 2_000 else None


def field_kinds(shard: Path) -> dict[str, Kind]:
    """Return what each column of an audience holds, so that a made-up contact fits the template."""
    return {field.name: _kind(field.type) for field in pq.read_schema(shard)}


def _kind(kind: pa.DataType) -> Kind:
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return "number"
    return "date" if pa.types.is_date(kind) or pa.types.is_timestamp(kind) else "text"
