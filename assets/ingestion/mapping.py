"""What a source may say of itself: the typed form of ``assets/sources/<name>/defs.yaml``, and our fields by kind.

Add a field here when a raw table gets a column that sources fill, an option when files come in another shape.
Finding mistakes with their line belongs to ``definitions``, reading files to ``formats``.
"""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from senders.errors import ConfigError

SourceKind = Literal["contacts", "orders", "products"]
FileFormat = Literal["csv", "parquet", "jsonl"]
ConsentState = Literal["granted", "denied", "unknown"]

_OWNER = re.compile(r"team:[A-Za-z0-9_-]+|[^@\s]+@[^@\s]+\.[^@\s]+")

SUFFIXES: dict[str, FileFormat] = {".csv": "csv", ".parquet": "parquet", ".jsonl": "jsonl"}


@dataclass(frozen=True, slots=True)
class FieldType:
    """How the text of a field becomes a value.

    ``kind`` is ``text``, ``address``, ``integer``, ``number``, ``flag`` or ``time``.
    """

    kind: str
    is_required: bool = False
    default: int | None = None


TEXT = FieldType("text")
TIME = FieldType("time")

FIELDS: dict[str, dict[str, FieldType]] = {
    "contacts": {
        "source_key": TEXT,
        "email": FieldType("address", is_required=True),
        "first_name": TEXT,
        "last_name": TEXT,
        "country": TEXT,
        "city": TEXT,
        "locale": TEXT,
        "consent_at": TIME,
        "tracking_consent": FieldType("flag"),
        "created_at": TIME,
        "updated_at": TIME,
    },
    "orders": {
        "order_id": FieldType("text", is_required=True),
        "line_no": FieldType("integer", default=1),
        "customer_key": TEXT,
        "email": FieldType("address"),
        "product_id": TEXT,
        "quantity": FieldType("integer", default=1),
        "amount": FieldType("number", is_required=True),
        "currency": TEXT,
        "ordered_at": FieldType("time", is_required=True),
    },
    "products": {
        "product_id": FieldType("text", is_required=True),
        "name": TEXT,
        "category": TEXT,
        "price": FieldType("number"),
        "url": TEXT,
        "image_url": TEXT,
    },
}

KEYS: dict[str, tuple[str, ...]] = {
    "contacts": ("source_key",),
    "orders": ("order_id", "line_no"),
    "products": ("product_id",),
}
"""Columns of the raw table by which a row of a source is recognised when it comes again."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


ANY_VALUE = "*"


class ConsentRule(_Strict):
    """How a source's own words for consent are read; values are compared trimmed and without case."""

    column: str | None = Field(
        default=None, description="Their column that holds the consent; none if the file says nothing."
    )
    granted: tuple[str, ...] = Field(default=(), description="Values that mean: this person asked for mail.")
    denied: tuple[str, ...] = Field(default=(), description="Values that mean: this person did not ask for mail.")
    unsubscribed: tuple[str, ...] = Field(
        default=(), description="Values that mean: this person said stop; the address is suppressed, for good."
    )
    opt_out_column: str | None = Field(
        default=None, description="Their column that says who wants no more mail, whatever the other column says."
    )
    opt_out: tuple[str, ...] = Field(
        default=(),
        description="Values in it that mean: this person said stop; * for any value, such as the date of it.",
    )
    default: ConsentState = Field(
        default="unknown", description="Consent of a row whose value is blank or has no column."
    )
    basis: str = Field(default="", description="Where the consent comes from, in words; kept with every contact.")
    expires_after_days: int | None = Field(
        default=None,
        description="When a consent ends by itself, counted from consent_at, else created_at; with neither date it is "
        "unknown. For consent that a purchase (730 under CASL) or an inquiry (183) implies; unset for never.",
        ge=1,
        le=36_500,
    )

    @property
    def columns(self) -> list[str]:
        """Their columns that the consent is read from."""
        return [column for column in (self.column, self.opt_out_column) if column is not None]

    @field_validator("granted", "denied", "unsubscribed", "opt_out", mode="before")
    @classmethod
    def _fold(cls, values: Any) -> Any:
        if not isinstance(values, list | tuple):
            return values
        # YAML reads a bare yes or no as a truth value; people mean the word.
        words = {True: "true", False: "false"}
        return tuple(words.get(value, str(value)) if isinstance(value, bool) else str(value) for value in values)

    @model_validator(mode="after")
    def _no_word_twice(self) -> Self:
        seen: dict[str, str] = {}
        for name in ("granted", "denied", "unsubscribed"):
            for value in getattr(self, name):
                word = value.strip().casefold()
                if seen.setdefault(word, name) != name:
                    raise ValueError(f"{value!r} stands in both {seen[word]} and {name}; keep it in one of them")
        if self.column is None and seen:
            raise ValueError("values are listed but no column is named; add column: <their column>")
        if (self.opt_out_column is None) != (not self.opt_out):
            raise ValueError('opt_out_column and opt_out go together: the column, and its values that mean stop or "*"')
        return self


class SourceDefinition(_Strict):
    """A source of contacts, orders or products: where its files lie and what their columns mean."""

    name: str = Field(default="", description="Taken from the folder's name; may be left out.")
    kind: SourceKind = Field(description="What a row is: contacts, orders or products.")
    format: FileFormat = Field(default="csv", description="csv, parquet or jsonl (one JSON object per line).")
    location: str = Field(description="File or glob pattern, absolute or below MAILRAIL_HOME.", min_length=1)
    delimiter: str = Field(
        default=",", description="CSV only: what stands between two cells.", min_length=1, max_length=1
    )
    encoding: str = Field(default="utf-8", description="Encoding of CSV and JSON lines.")
    decimal: Literal[".", ","] = Field(default=".", description="CSV and JSON lines: the decimal sign of numbers.")
    date_format: str | tuple[str, ...] | None = Field(
        default=None,
        description="Form of dates, such as %d.%m.%Y, or a list of forms; ISO 8601 is always understood. "
        "Times without zone are UTC.",
    )
    columns: dict[str, str] = Field(description="Our field: their column (a dotted path for nested JSON).")
    key: str | None = Field(
        None,
        description="Contacts only: our field that names a row, source_key or email; by default whichever is mapped.",
    )
    rank: int = Field(default=1, description="Contacts only: 1 wins over 2 where two sources disagree.", ge=1, le=1000)
    consent: ConsentRule = Field(default_factory=ConsentRule, description="Contacts only: how consent is read.")
    max_rejected_share: float = Field(
        default=0.2, description="More rejected rows than this share and the whole load is set aside.", ge=0.0, le=1.0
    )
    max_unknown_consent_share: float = Field(
        default=1.0,
        description="Contacts only: more rows of unknown consent than this share fail the check.",
        ge=0.0,
        le=1.0,
    )
    description: str = Field(default="", description="What people should know about this source.")
    owners: tuple[str, ...] = Field(
        default=("team:data",), description="Who answers for it: team:<name> or an address."
    )

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, encoding: str) -> str:
        try:
            "".encode(encoding)
        except LookupError as error:
            raise ValueError(f"{encoding!r} is no encoding that Python knows; use utf-8, cp1252 or latin-1") from error
        return encoding

    @field_validator("owners")
    @classmethod
    def _owners_as_dagster_wants(cls, owners: tuple[str, ...]) -> tuple[str, ...]:
        for owner in owners:
            if not _OWNER.fullmatch(owner):
                raise ValueError(f"{owner!r} is neither team:<name> nor an address")
        return owners

    @field_validator("location")
    @classmethod
    def _a_path(cls, location: str) -> str:
        if "\0" in location:
            raise ValueError("the location holds a NUL character")
        return location

    @model_validator(mode="after")
    def _fields_of_the_kind(self) -> Self:
        known = FIELDS[self.kind]
        for field in self.columns:
            if field not in known:
                raise ValueError(f"{field!r} is no field of {self.kind}; the fields are {', '.join(known)}")
        for field, kind in known.items():
            if kind.is_required and field not in self.columns:
                raise ValueError(f"the field {field!r} is not mapped; add {field}: <their column> under columns")
        return self

    @model_validator(mode="after")
    def _options_fit(self) -> Self:
        if self.kind != "contacts" and self.consent != ConsentRule():
            raise ValueError(f"consent belongs to contacts; a source of {self.kind} has none")
        if self.format == "parquet" and self.decimal != ".":
            raise ValueError("decimal belongs to csv and jsonl; Parquet holds numbers as numbers")
        if self.key is not None and (self.kind != "contacts" or self.key not in ("source_key", "email")):
            raise ValueError(
                "key may be source_key or email, and only for contacts; orders and products have their own"
            )
        if self.key is not None and self.key not in self.columns:
            raise ValueError(f"the key {self.key!r} is not mapped; add {self.key}: <their column> under columns")
        if self.key == "email" and "source_key" in self.columns:
            raise ValueError("a row has one key: remove source_key from columns, or leave key out")
        return self

    @property
    def date_formats(self) -> tuple[str, ...]:
        """The forms of dates, in the order in which they are tried."""
        return (self.date_format,) if isinstance(self.date_format, str) else self.date_format or ()

    @property
    def key_fields(self) -> tuple[str, ...]:
        """Our fields that must not be empty and that recognise a row."""
        if self.kind != "contacts":
            return KEYS[self.kind]
        return (self.key or ("source_key" if "source_key" in self.columns else "email"),)

    @property
    def telling_columns(self) -> set[str]:
        """Their columns that say who a row is about and what consent it carries."""
        named = {self.columns[field] for field in (*self.key_fields, "email") if field in self.columns}
        return named | set(self.consent.columns)

    @property
    def used_columns(self) -> list[str]:
        """Their columns that we read, without repeats, in order."""
        return list(dict.fromkeys([*self.columns.values(), *self.consent.columns]))

    @property
    def fingerprint(self) -> str:
        """A short hash over everything that changes what a file means."""
        meaning = self.model_dump_json(exclude={"description", "owners", "location", "max_unknown_consent_share"})
        return hashlib.sha256(meaning.encode()).hexdigest()[:16]

    def files(self, home: Path) -> list[Path]:
        """Return the files that the location names, in order of their names.

        Raises:
            ConfigError: there is none.
        """
        path = Path(self.location).expanduser()
        pattern = path if path.is_absolute() else home / path
        if pattern.is_file():
            return [pattern]
        base = Path(pattern.anchor)
        found = (
            sorted(file for file in base.glob(str(pattern.relative_to(base))) if file.is_file())
            if _is_glob(pattern)
            else []
        )
        if not found:
            raise ConfigError(
                f"source {self.name}: location {self.location!r} names no file ({pattern}); "
                "put the file there or mend location."
            )
        return found

    def format_of(self, path: Path) -> FileFormat:
        """Return the format of one file: a mended rejects file is CSV whatever the source is."""
        return SUFFIXES.get(path.suffix.lower(), self.format)


def _is_glob(path: Path) -> bool:
    return any(sign in str(path) for sign in "*?[")
