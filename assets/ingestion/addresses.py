"""Addresses of a whole frame: normal form, contact id, and why an address cannot be written to.

Add here what is done with addresses in bulk. What the normal form is belongs to ``senders.tracking.addresses``,
so that the mail edge and the warehouse never differ.
"""

from typing import TYPE_CHECKING

from senders.tracking.addresses import AddressError, hash_address, normalize_address

if TYPE_CHECKING:
    import polars as pl


def with_addresses(frame: "pl.DataFrame", address_key: bytes) -> "pl.DataFrame":
    """Add ``email_given``, ``contact_id`` and ``_address_problem`` to a frame, and make ``email`` the normal form.

    Each different spelling is looked at once.
    """
    import polars as pl

    given = frame["email"].unique().drop_nulls()
    known = pl.DataFrame(
        [(text, *_identify(text, address_key)) for text in given],
        schema=dict.fromkeys(("email_given", "email", "contact_id", "_address_problem"), pl.String),
        orient="row",
    )
    return frame.rename({"email": "email_given"}).join(known, on="email_given", how="left", maintain_order="left")


def _identify(text: str, address_key: bytes) -> tuple[str | None, str | None, str | None]:
    """Return normal form and contact id, or else the reason code."""
    try:
        normal = normalize_address(text)
    except AddressError as error:
        return None, None, error.reason_code
    return normal, hash_address(normal, address_key).hex(), None
