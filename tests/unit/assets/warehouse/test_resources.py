"""Who may be mailed."""

import pytest

from assets.warehouse.resources import is_allowed


@pytest.mark.parametrize(
    ("address", "allowed", "may"),
    [
        ("a@x.example", None, True),
        ("a@x.example", (), False),
        ("a@x.example", ("A@X.example",), True),
        ("A@x.example", ("@x.example",), True),
        ("a@sub.x.example", ("@x.example",), False),
        ("b@x.example", ("a@x.example",), False),
    ],
)
def test_an_allow_list_names_addresses_and_domains(address, allowed, may):
    assert is_allowed(address, allowed) is may
