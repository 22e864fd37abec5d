"""Addresses: one normal form per mailbox, and a reason for each refusal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from senders.tracking.addresses import (
    REASONS,
    AddressError,
    hash_address,
    mask_address,
    normalize_address,
    wire_address,
)


@pytest.mark.parametrize(
    ("given_text", "normal"),
    [
        ("ann@example.com", "ann@example.com"),
        ("  Ann.Lee+shop@Example.COM\t", "ann.lee+shop@example.com"),
        ("\ufeffann@example.com\u00a0", "ann@example.com"),
        ("ann@Bücher.example", "ann@xn--bcher-kva.example"),
        ("ann@BÜCHER.example", "ann@xn--bcher-kva.example"),
        ("ann@xn--bcher-kva.example", "ann@xn--bcher-kva.example"),
        ("o'neill@example.co.uk", "o'neill@example.co.uk"),
        ("ann@straße.example", "ann@xn--strae-oqa.example"),
        ("ann@例え.テスト", "ann@xn--r8jz45g.xn--zckzah"),
        ("Zoë@Example.com", "zoë@example.com"),
        ("zoe\u0308@example.com", "zo\u00eb@example.com"),
        ("用户.名@bücher.example", "用户.名@xn--bcher-kva.example"),
    ],
)
def test_normal_form(given_text: str, normal: str) -> None:
    assert normalize_address(given_text) == normal


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        ("   ", "empty"),
        ("ann.example.com", "no_at"),
        ("a" * 65 + "@example.com", "local_too_long"),
        ("ann@" + ".".join(["a" * 60] * 5) + ".com", "domain_too_long"),
        ("a" * 60 + "@" + ".".join(["b" * 50] * 4) + ".com", "domain_too_long"),
        ("@example.com", "bad_local"),
        (".ann@example.com", "bad_local"),
        ("ann..lee@example.com", "bad_local"),
        ('"ann lee"@example.com', "spaces"),
        ('"ann"@example.com', "bad_local"),
        ("zoë..x@example.com", "bad_local"),
        ("zo\u200be@example.com", "bad_local"),
        ("ann\uff20bob@example.com", "bad_local"),
        ("用" * 22 + "@example.com", "local_too_long"),
        ("\udce4@example.com", "bad_local"),
        ("a@b@example.com", "bad_local"),
        ("<ann@example.com>", "bad_local"),
        ("ann@", "bad_domain"),
        ("ann@example..com", "bad_domain"),
        ("ann@-example.com", "bad_domain"),
        ("ann@exa_mple.com", "bad_domain"),
        ("ann@[192.0.2.1]", "bad_domain"),
        ("ann@xn--a.com", "bad_domain"),
        ("ann@ex☃\u200dample.com", "bad_domain"),
        ("ann@example", "no_tld"),
        ("ann@192.0.2.1", "no_tld"),
        ("ann@example.c", "no_tld"),
        ("ann@exam ple.com", "spaces"),
        ("ann@example.com\r\nBcc: eve@example.com", "control_character"),
        ("ann\x00@example.com", "control_character"),
        ("ann@example.com\u2028", "control_character"),
    ],
)
def test_refusals_have_a_reason(text: str, reason: str) -> None:
    with pytest.raises(AddressError) as caught:
        normalize_address(text)
    assert caught.value.reason_code == reason
    assert REASONS[reason] in str(caught.value)


@given(st.text(max_size=80))
def test_what_passes_is_fit_for_an_envelope(text: str) -> None:
    try:
        address = normalize_address(text)
    except AddressError:
        return
    local, domain = address.split("@")
    assert domain.isascii()
    assert address.isprintable()
    assert len(local.encode()) <= 64
    assert not set(address) & set(' <>,;:\\"[]()')
    assert normalize_address(address) == address


def test_the_wire_keeps_the_case_of_the_local_part() -> None:
    assert wire_address(" Ann@EXAMPLE.com ") == "Ann@example.com"


def test_the_hash_is_keyed_and_16_bytes() -> None:
    one = hash_address("ann@example.com", b"k" * 32)
    assert len(one) == 16
    assert one == hash_address("ann@example.com", b"k" * 32)
    assert one != hash_address("ann@example.com", b"j" * 32)
    assert one != hash_address("bob@example.com", b"k" * 32)


def test_a_masked_address_shows_one_letter() -> None:
    assert mask_address("ann.lee@gmail.com") == "a•••@gmail.com"
