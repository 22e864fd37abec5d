"""Judging rows at the door: typed values for the good ones, one reason code for each of the others.

Add a rule here when a row must not enter, with its reason code in ``REASONS``. Whether the load as a whole may
enter belongs to ``loading``, what rows mean together to dbt.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from assets.ingestion.addresses import with_addresses
from assets.ingestion.consent import UNSUBSCRIBED, consent_of
from assets.ingestion.formats import OWN_COLUMNS
from assets.ingestion.mapping import FIELDS, KEYS, SourceDefinition
from senders.tracking.addresses import REASONS as ADDRESS_REASONS

if TYPE_CHECKING:
    import polars as pl

REASONS = {
    "broken_row": "the row has another number of cells than the header, or is no JSON object",
    "missing_key": "the key that recognises the row is empty",
    "empty_address": "the address is empty",
    "invalid_address:<why>": "the address cannot be written to; why is a code of senders.tracking.addresses",
    "missing_value:<field>": "a field that the row cannot do without is empty",
    "wrong_type:<field>": "the text is no number, or no time, as the field needs",
}

TRUE_WORDS = (
    "true",
    "t",
    "yes",
    "y",
    "1",
    "on",
    "granted",
    "allowed",
    "ja",
    "j",
    "oui",
    "sí",
    "sì",
    "si",
    "sim",
    "tak",
)
FALSE_WORDS = ("false", "f", "no", "n", "0", "off", "denied", "refused", "nein", "non", "nee", "não", "nao", "nie")
EARLIEST_YEAR, LATEST_YEAR = 1900, 2200


@dataclass(frozen=True, slots=True)
class Validated:
    """What became of the rows of a load.

    ``accepted`` has the columns of the raw table that come from a row; ``rejects`` has number (the row's place
    in the raw frame), file, line, reason, column_name, value and row; ``suppressions`` has contact_id and at.
    ``warnings`` counts, by code, accepted rows of which a value was set aside.
    """

    accepted: "pl.DataFrame"
    rejects: "pl.DataFrame"
    suppressions: "pl.DataFrame"
    rows: int
    duplicates: int
    warnings: dict[str, int] = field(default_factory=dict)


def explain_reason(code: str) -> str:
    """Return a reason code as a sentence without its full stop."""
    family, _, detail = code.partition(":")
    if family == "invalid_address":
        return f"the address {ADDRESS_REASONS.get(detail, 'cannot be written to')}"
    if family == "missing_value":
        return f"{detail} is empty"
    if family == "wrong_type":
        kinds = {fields[detail].kind for fields in FIELDS.values() if detail in fields}
        return f"{detail} is no {'date that exists' if 'time' in kinds else 'number'}"
    return REASONS.get(code, code)


def validate(definition: SourceDefinition, raw: "pl.DataFrame", address_key: bytes) -> Validated:
    """Judge every row of a load.

    A key that comes again later in the load replaces the earlier row, which counts as a duplicate. Whoever is
    unsubscribed in any row with a good address is suppressed, even if that row is rejected or replaced.

    Args:
        definition: what the columns mean.
        raw: all rows as `formats.read_raw` returns them.
        address_key: the key of the address hash.
    """
    import polars as pl

    fields = FIELDS[definition.kind]
    frame = _select_fields(definition, raw)
    if "email" in fields:
        frame = with_addresses(frame, address_key)
    frame = frame.with_columns(
        _typed(name, kind.kind, definition).alias(f"_{name}") for name, kind in fields.items() if _is_typed(kind.kind)
    )
    frame = _with_reason(definition, frame)
    if definition.kind == "contacts":
        frame = frame.with_columns(
            consent_of(definition.consent, pl.col("consent"), pl.col("opt_out")).alias("_consent")
        )
    good = _shape(definition, frame.filter(pl.col("_reason").is_null()))
    if definition.kind == "orders" and "line_no" not in definition.columns:
        good = _with_line_numbers(good)
    accepted = good.unique(subset=KEYS[definition.kind], keep="last", maintain_order=True)
    return Validated(
        accepted=accepted,
        rejects=_rejects(frame),
        suppressions=_suppressions(definition, frame),
        rows=frame.height,
        duplicates=good.height - accepted.height,
        warnings=_warnings(definition, frame, accepted),
    )


def _select_fields(definition: SourceDefinition, raw: "pl.DataFrame") -> "pl.DataFrame":
    """Return our fields as trimmed text, null where blank or not mapped, and our own columns."""
    import polars as pl

    def text(column: str | None, name: str) -> pl.Expr:
        if column is None or column not in raw.columns:
            return pl.lit(None, dtype=pl.String).alias(name)
        trimmed = pl.col(column).str.strip_chars()
        return pl.when(trimmed != "").then(trimmed).alias(name)

    named = [text(definition.columns.get(name), name) for name in FIELDS[definition.kind]]
    if definition.kind == "contacts":
        named.append(text(definition.consent.column, "consent"))
        named.append(text(definition.consent.opt_out_column, "opt_out"))
    return raw.select(*OWN_COLUMNS, *named).with_row_index("_number")


def _is_typed(kind: str) -> bool:
    return kind in ("integer", "number", "flag", "time")


def _typed(name: str, kind: str, definition: SourceDefinition) -> "pl.Expr":
    import polars as pl

    text = pl.col(name)
    if kind == "time":
        return _time(text, definition.date_formats)
    if kind == "flag":
        word = text.str.to_lowercase()
        return pl.when(word.is_in(TRUE_WORDS)).then(True).when(word.is_in(FALSE_WORDS)).then(False)
    number = _number(text, definition.decimal)
    return pl.when(number == number.floor()).then(number).cast(pl.Int32, strict=False) if kind == "integer" else number


def _number(text: "pl.Expr", decimal: str) -> "pl.Expr":
    """Return a finite number; separators of thousands are accepted where they stand in groups of three."""
    import polars as pl

    thousands = "," if decimal == "." else "."
    mark, point = rf"\{thousands}", rf"\{decimal}"
    grouped = text.str.contains(rf"^[+-]?\d{{1,3}}({mark}\d{{3}})+({point}\d+)?$")
    plain = text.str.contains(rf"^[+-]?(\d+({point}\d*)?|{point}\d+)([eE][+-]?\d+)?$")
    digits = pl.when(grouped).then(text.str.replace_all(thousands, "", literal=True)).when(plain).then(text)
    value = digits.str.replace(decimal, ".", literal=True).cast(pl.Float64, strict=False)
    return pl.when(value.is_finite()).then(value)


def _time(text: "pl.Expr", date_formats: tuple[str, ...]) -> "pl.Expr":
    """Return a UTC time without zone, by the source's own forms first and ISO 8601 after them."""
    import polars as pl

    iso = (
        text.str.replace(r"^(\d{4}-\d{2}-\d{2})$", "${1}T00:00:00")
        .str.replace(r"^(\d{4}-\d{2}-\d{2}) (\d)", "${1}T${2}")
        .str.replace(r"T(\d{2}:\d{2})([Z+-]|$)", "T${1}:00${2}")
        .str.replace(r"[Zz]$", "+00:00")
        .str.replace(r"(T\d{2}:\d{2}:\d{2}(\.\d+)?)$", "${1}+00:00")
        .str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%z", time_unit="us", time_zone="UTC", strict=False)
        .dt.replace_time_zone(None)
    )
    found = []
    for form in date_formats:
        own = text.str.to_datetime(form, time_unit="us", strict=False)
        found.append(own.dt.convert_time_zone("UTC").dt.replace_time_zone(None) if "%z" in form else own)
    plausible = (pl.when(time.dt.year().is_between(EARLIEST_YEAR, LATEST_YEAR)).then(time) for time in (*found, iso))
    return pl.coalesce(plausible)


def _rules(definition: SourceDefinition) -> "list[tuple[pl.Expr, pl.Expr, str | None]]":
    """Return condition, reason and field of every rule, in order of precedence."""
    import polars as pl

    fields = FIELDS[definition.kind]
    rules: list[tuple[pl.Expr, pl.Expr, str | None]] = [(pl.col("_problem").is_not_null(), pl.col("_problem"), None)]

    def empty(name: str) -> pl.Expr:
        return pl.col("email_given" if name == "email" else name).is_null()

    rules += [
        (empty(name), pl.lit("missing_key"), name)
        for name in definition.key_fields
        if fields[name].default is None and fields[name].kind != "address"
    ]
    if definition.kind == "contacts":
        rules.append((empty("email"), pl.lit("empty_address"), "email"))
        rules.append(
            (pl.col("_address_problem").is_not_null(), pl.lit("invalid_address:") + pl.col("_address_problem"), "email")
        )
    for name, kind in fields.items():
        if kind.is_required and name != "email":
            rules.append((empty(name), pl.lit(f"missing_value:{name}"), name))
        if kind.kind in ("integer", "number", "time"):
            rules.append(
                (pl.col(name).is_not_null() & pl.col(f"_{name}").is_null(), pl.lit(f"wrong_type:{name}"), name)
            )
    return rules


def _with_reason(definition: SourceDefinition, frame: "pl.DataFrame") -> "pl.DataFrame":
    """Add the first rule that each row breaks: reason, their column, and the value."""
    import polars as pl

    nothing = pl.lit(None, dtype=pl.String)
    reasons, columns, values = [], [], []
    for condition, reason, name in _rules(definition):
        given = nothing if name is None else pl.col("email_given" if name == "email" else name)
        column = nothing if name is None else pl.lit(definition.columns.get(name))
        reasons.append(pl.when(condition).then(reason))
        columns.append(pl.when(condition).then(column if name else pl.lit("")))
        values.append(pl.when(condition).then(pl.coalesce(given, pl.lit(""))))
    return frame.with_columns(
        pl.coalesce(reasons).alias("_reason"),
        pl.coalesce(columns).alias("_column"),
        pl.coalesce(values).alias("_value"),
    )


def _shape(definition: SourceDefinition, frame: "pl.DataFrame") -> "pl.DataFrame":
    """Return rows with the columns of the raw table, typed."""
    import polars as pl

    shaped = [pl.col("_file").alias("file"), pl.col("_line").alias("line")]
    for name, kind in FIELDS[definition.kind].items():
        if kind.kind == "text":
            # Line ends and other control characters have no place in a name; the row keeps them as they came.
            shaped.append(pl.col(name).str.replace_all(r"[\x00-\x1f\x7f]+", " "))
        elif kind.kind == "address":
            shaped.append(pl.col("email"))
        else:
            shaped.append(
                pl.col(f"_{name}").fill_null(kind.default).alias(name)
                if kind.default is not None
                else pl.col(f"_{name}").alias(name)
            )
    if definition.kind == "products":
        return frame.select(shaped)
    shaped.append(pl.col("contact_id"))
    if definition.kind == "orders":
        return frame.select(shaped)
    return frame.select(*shaped, *_contact_columns(definition)).with_columns(
        pl.coalesce("source_key", "contact_id").alias("source_key")
    )


def _with_line_numbers(orders: "pl.DataFrame") -> "pl.DataFrame":
    """Number the lines of orders that come without numbers: one for each product of an order.

    Else the second product of an order would take the place of the first, and revenue would be too low.
    """
    import polars as pl

    product = pl.col("product_id").fill_null("")
    return orders.with_columns(product.rank("dense").over("order_id").cast(pl.Int32).alias("line_no"))


def _contact_columns(definition: SourceDefinition) -> "list[pl.Expr]":
    import polars as pl

    unsubscribed, granted = pl.col("_consent") == UNSUBSCRIBED, pl.col("_consent") == "granted"
    days = definition.consent.expires_after_days
    ends = pl.lit(None, dtype=pl.Datetime("us"))
    if days is not None:
        ends = pl.coalesce("_consent_at", "_created_at") + pl.duration(days=days)
    has_no_end = granted & ends.is_null() if days is not None else pl.lit(False)
    return [
        pl.col("email_given"),
        pl.when(granted).then(ends).alias("consent_expires_at"),
        pl.when(unsubscribed)
        .then(pl.lit("denied"))
        .when(has_no_end)  # nobody could say when it ends
        .then(pl.lit("unknown"))
        .otherwise(pl.col("_consent"))
        .fill_null("unknown")
        .alias("consent"),
        pl.lit(definition.consent.basis).alias("consent_basis"),
        pl.col("_row").alias("extra"),
        pl.lit(definition.rank, dtype=pl.Int32).alias("source_rank"),
    ]


def _rejects(frame: "pl.DataFrame") -> "pl.DataFrame":
    import polars as pl

    return frame.filter(pl.col("_reason").is_not_null()).select(
        pl.col("_number").alias("number"),
        pl.col("_file").alias("file"),
        pl.col("_line").alias("line"),
        pl.col("_reason").alias("reason"),
        pl.col("_column").alias("column_name"),
        pl.col("_value").alias("value"),
        pl.col("_row").alias("row"),
    )


def _suppressions(definition: SourceDefinition, frame: "pl.DataFrame") -> "pl.DataFrame":
    import polars as pl

    if definition.kind != "contacts":
        return pl.DataFrame(schema={"contact_id": pl.String, "at": pl.Datetime("us")})
    return (
        frame.filter((pl.col("_consent") == UNSUBSCRIBED) & pl.col("contact_id").is_not_null())
        .select("contact_id", pl.col("_consent_at").alias("at"))
        .unique(subset="contact_id", keep="first", maintain_order=True)
    )


def _warnings(definition: SourceDefinition, frame: "pl.DataFrame", accepted: "pl.DataFrame") -> dict[str, int]:
    """Count accepted rows of which a value was set aside, by code."""
    import polars as pl

    kept = frame.filter(pl.col("_reason").is_null())
    counts: dict[str, pl.Expr] = {}
    if definition.kind == "contacts":
        counts["unknown_consent_value"] = (pl.col("consent").is_not_null() & pl.col("_consent").is_null()).sum()
        counts["unknown_tracking_value"] = (
            pl.col("tracking_consent").is_not_null() & pl.col("_tracking_consent").is_null()
        ).sum()
    if definition.kind == "orders":
        counts["order_without_contact"] = (pl.col("contact_id").is_null() & pl.col("customer_key").is_null()).sum()
    found = kept.select(expr.alias(code) for code, expr in counts.items()).to_dicts()[0] if counts else {}
    return {code: count for code, count in found.items() if count}
