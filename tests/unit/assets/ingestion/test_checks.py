import pytest

from assets.ingestion.checks import gates_of, judge_counts
from tests.fixtures.sources import CONTACTS, ORDERS, define

GOOD = {
    "rows": 10, "rejected_share": 0.2, "empty_keys": 0, "repeated_keys": 0,
    "bad_address_share": 0.1, "unknown_consent_share": 0.5,
}  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "fails"),
    [
        ({}, set()),
        ({"rows": 0}, {"rows_came_in"}),
        ({"rejected_share": 0.21}, {"rejected_share_within_limit"}),
        ({"empty_keys": 1}, {"keys_are_present"}),
        ({"repeated_keys": 1}, {"keys_are_unique"}),
        ({"bad_address_share": 0.3}, {"addresses_are_valid"}),
        ({"unknown_consent_share": 0.51}, {"consent_is_known"}),
    ],
)
def test_each_limit_fails_its_own_gate(changed, fails, capfd):
    verdicts = judge_counts(gates_of(define(CONTACTS, max_unknown_consent_share=0.5)), GOOD | changed)
    assert {name for name, holds in verdicts.items() if not holds} == fails
    assert len(verdicts) == 6
    assert capfd.readouterr().err == ""  # no progress bars


def test_orders_have_no_gates_of_contacts():
    names = {gate.name for gate in gates_of(define(ORDERS))}
    assert names == {"rows_came_in", "rejected_share_within_limit", "keys_are_present", "keys_are_unique"}
