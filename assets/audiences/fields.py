"""The columns of ``dim_contacts`` that campaigns may name: in ``where``, in ``fields`` and in templates.

A test compares them with the mart's contract. Add a column here when the mart has it and people should write
with it; what a column means belongs to ``dbt_project``.
"""

CONTACT_COLUMNS: dict[str, str] = {
    "contact_id": "varchar",
    "email": "varchar",
    "mailbox_domain": "varchar",
    "first_name": "varchar",
    "last_name": "varchar",
    "country": "varchar",
    "city": "varchar",
    "locale": "varchar",
    "consent": "varchar",
    "consent_basis": "varchar",
    "consent_at": "timestamp",
    "consent_expires_at": "timestamp",
    "tracking_consent": "boolean",
    "tracking_consent_at": "timestamp",
    "first_source": "varchar",
    "sources": "bigint",
    "bucket": "integer",
    "created_at": "timestamp",
    "updated_at": "timestamp",
    "orders": "bigint",
    "total_spent": "double",
    "first_ordered_at": "timestamp",
    "last_ordered_at": "timestamp",
    "last_product_id": "varchar",
    "last_product_name": "varchar",
}

# The columns that every row of a frozen audience has beside the template's fields.
ROW_COLUMNS = ("seq", "contact_id", "address", "tracking", "variant")

FIELD_COLUMNS = tuple(name for name in CONTACT_COLUMNS if name not in ROW_COLUMNS)
