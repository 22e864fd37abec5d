from datetime import UTC, datetime, timedelta

import pytest

from senders.errors import TokenError
from senders.tracking.grants import read_grant, sign_grant
from senders.tracking.keys import Keyring
from senders.tracking.tokens import Purpose, TokenReader, send_tokens

NOW = datetime(2026, 11, 3, 9, 0, tzinfo=UTC)
HASH = bytes(range(16))


@pytest.fixture
def keyring(tmp_path):
    return Keyring.open(tmp_path / "keys")


def test_a_grant_names_one_person_until_it_ends(keyring):
    token = sign_grant(keyring, HASH, NOW + timedelta(days=1))
    assert read_grant(keyring, token, NOW) == HASH
    with pytest.raises(TokenError, match="time is over"):
        read_grant(keyring, token, NOW + timedelta(days=1))


def test_it_outlives_a_new_key(keyring):
    token = sign_grant(keyring, HASH, NOW + timedelta(days=1))
    keyring.rotate()
    assert read_grant(keyring, token, NOW) == HASH


def test_altered_and_foreign_ones_are_refused(keyring, tmp_path):
    token = sign_grant(keyring, HASH, NOW + timedelta(days=1))
    altered = [token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :] for at in range(len(token))]
    foreign = sign_grant(Keyring.open(tmp_path / "other"), HASH, NOW + timedelta(days=1))
    for bad in [*altered, foreign, token[:-1], token + "A", token + "=", "", "x", "ÄÖÜ", "A" * 5000]:
        with pytest.raises(TokenError):
            read_grant(keyring, bad, NOW)


def test_tokens_of_messages_are_no_grants_and_grants_no_tokens(keyring):
    tokens = send_tokens(keyring, 1)
    grant = sign_grant(keyring, HASH, NOW + timedelta(days=1))
    for other in (tokens.preferences(1, HASH), tokens.unsubscribe(1, HASH, ""), tokens.pixel(1)):
        with pytest.raises(TokenError):
            read_grant(keyring, other, NOW)
    for purpose in Purpose:
        with pytest.raises(TokenError):
            TokenReader(keyring).read(grant, purpose)
