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
    normals, contacts, problems = [], [], []
    for text in given:
        try:
            normal = normalize_address(text)
        except AddressError as error:
            normals.append(None)
            contacts.append(None)
            problems.append(error.reason_code)
        else:
            normals.append(normal)
            contacts.append(hash_address(normal, address_key).hex())
            problems.append(None)
    known = pl.DataFrame(
        {"email_given": given, "email": normals, "contact_id": contacts, "_address_problem": problems},
        schema=dict.fromkeys(("email_given", "email", "contact_id", "_address_problem"), pl.String),
    )
    return frame.rename({"email": "email_given"}).join(known, on="email_given", how="left", maintain_order="left")
