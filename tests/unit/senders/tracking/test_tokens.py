"""Tokens: each says what it was made to say, and nothing else passes for one."""

import base64
import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from senders.errors import TokenError
from senders.tracking.keys import Keyring
from senders.tracking.tokens import NO_SEND, Claims, Purpose, SendTokens, TokenReader, _base32, send_tokens

HASH = bytes(range(16))
SEQS = st.integers(0, 2**32 - 1)
LINKS = st.integers(0, 2**16 - 1)
LINK_PURPOSES = [Purpose.CLICK, Purpose.OPEN, Purpose.VIEW, Purpose.UNSUBSCRIBE]


@pytest.fixture(scope="module")
def ring(tmp_path_factory: pytest.TempPathFactory) -> Keyring:
    return Keyring.open(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def tokens(ring: Keyring) -> SendTokens:
    return send_tokens(ring, 7)


@pytest.fixture(scope="module")
def reader(ring: Keyring) -> TokenReader:
    return TokenReader(ring)


def one_of_each(tokens: SendTokens) -> dict[Purpose, str]:
    return {
        Purpose.CLICK: tokens.click(3, 2, "https://shop.example/a?b=c"),
        Purpose.OPEN: tokens.pixel(3),
        Purpose.VIEW: tokens.view(3),
        Purpose.UNSUBSCRIBE: tokens.unsubscribe(3, HASH, "news"),
    }


def test_claims_come_back(tokens: SendTokens, reader: TokenReader) -> None:
    made = one_of_each(tokens)
    assert reader.read(made[Purpose.CLICK], Purpose.CLICK) == Claims(
        Purpose.CLICK, 7, 3, link_no=2, url="https://shop.example/a?b=c"
    )
    assert reader.read(made[Purpose.OPEN], Purpose.OPEN) == Claims(Purpose.OPEN, 7, 3)
    assert reader.read(made[Purpose.VIEW], Purpose.VIEW) == Claims(Purpose.VIEW, 7, 3)
    assert reader.read(made[Purpose.UNSUBSCRIBE], Purpose.UNSUBSCRIBE) == Claims(
        Purpose.UNSUBSCRIBE, 7, 3, address_hash=HASH, topic="news"
    )


def test_a_plain_link_token_has_39_characters(tokens: SendTokens) -> None:
    assert len(tokens.click(3, 2)) == 39


@given(seq=SEQS, link_no=LINKS, url=st.text(st.characters(exclude_categories=("Cs",)), max_size=200))
def test_any_click_comes_back(tokens: SendTokens, reader: TokenReader, seq: int, link_no: int, url: str) -> None:
    claims = reader.read(tokens.click(seq, link_no, url), Purpose.CLICK)
    assert (claims.send_no, claims.seq, claims.link_no, claims.url) == (7, seq, link_no, url)


@pytest.mark.parametrize("made_for", LINK_PURPOSES)
@pytest.mark.parametrize("used_for", LINK_PURPOSES)
def test_a_token_serves_one_purpose(
    tokens: SendTokens, reader: TokenReader, made_for: Purpose, used_for: Purpose
) -> None:
    token = one_of_each(tokens)[made_for]
    if made_for is used_for:
        assert reader.read(token, used_for).purpose is used_for
    else:
        with pytest.raises(TokenError, match="not made for"):
            reader.read(token, used_for)


@pytest.mark.parametrize("purpose", LINK_PURPOSES)
def test_every_single_altered_character_is_refused(tokens: SendTokens, reader: TokenReader, purpose: Purpose) -> None:
    token = one_of_each(tokens)[purpose]
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/=. "
    for position in range(len(token)):
        for character in alphabet:
            if character != token[position]:
                with pytest.raises(TokenError):
                    reader.read(token[:position] + character + token[position + 1 :], purpose)


@given(st.data())
def test_cut_or_extended_tokens_are_refused(tokens: SendTokens, reader: TokenReader, data: st.DataObject) -> None:
    token = tokens.click(3, 2)
    cut = data.draw(st.integers(0, len(token) - 1))
    for wrong in (token[:cut], token + data.draw(st.text(min_size=1, max_size=4))):
        with pytest.raises(TokenError):
            reader.read(wrong, Purpose.CLICK)


@given(st.text(max_size=200))
def test_any_other_text_is_refused(reader: TokenReader, text: str) -> None:
    with pytest.raises(TokenError):
        reader.read(text, Purpose.CLICK)


def test_a_long_text_is_refused_before_it_is_decoded(reader: TokenReader) -> None:
    with pytest.raises(TokenError, match="too long"):
        reader.read("A" * 10_000, Purpose.CLICK)


def test_an_unknown_version_or_key_is_refused(ring: Keyring, reader: TokenReader) -> None:
    with pytest.raises(TokenError, match="version"):
        reader.read("Ag" + "A" * 37, Purpose.CLICK)
    stranger = SendTokens(7, 200, b"x" * 32)
    with pytest.raises(TokenError, match="key 200"):
        reader.read(stranger.click(1, 1), Purpose.CLICK)


def test_another_home_does_not_read_our_tokens(tokens: SendTokens, tmp_path: Path) -> None:
    with pytest.raises(TokenError, match="signature"):
        TokenReader(Keyring.open(tmp_path)).read(tokens.click(1, 1), Purpose.CLICK)


def test_a_send_cannot_sign_for_another(ring: Keyring, reader: TokenReader) -> None:
    ours = send_tokens(ring, 7)
    forged = SendTokens(8, ours.key_id, ours.key, ours.identity)
    with pytest.raises(TokenError, match="signature"):
        reader.read(forged.click(1, 1), Purpose.CLICK)


def test_the_signer_holds_no_master_key_and_travels(ring: Keyring) -> None:
    tokens = send_tokens(ring, 7)
    packed = pickle.dumps(tokens)
    assert ring.token_key(1) not in packed
    assert ring.address_key not in packed
    assert pickle.loads(packed).click(1, 1) == tokens.click(1, 1)
    assert tokens.key.hex() not in repr(tokens)
    assert repr(tokens.key) not in repr(tokens)


def test_rotation_keeps_old_tokens_and_message_ids(tmp_path: Path) -> None:
    ring = Keyring.open(tmp_path)
    before = send_tokens(ring, 7)
    ring.rotate()
    after = send_tokens(ring, 7)
    reader = TokenReader(ring)
    assert before.click(1, 1) != after.click(1, 1)
    assert reader.read(before.click(1, 1), Purpose.CLICK) == reader.read(after.click(1, 1), Purpose.CLICK)
    assert before.message_id(1, "a.example") == after.message_id(1, "a.example")
    local = before.return_path(1, "b.example").partition("@")[0]
    assert reader.read_return_path(local).seq == 1


def test_message_ids_differ_and_fit_a_header(tokens: SendTokens, ring: Keyring) -> None:
    ids = {send_tokens(ring, send).message_id(seq, "news.example") for send in (7, 8) for seq in range(50)}
    assert len(ids) == 100
    assert all(len(one.partition("@")[0]) == 30 for one in ids)
    assert SendTokens(7, 1, b"k" * 32).message_id(1, "a.example").endswith("@a.example")


@given(seq=SEQS)
def test_return_paths_survive_a_change_of_case(tokens: SendTokens, reader: TokenReader, seq: int) -> None:
    path = tokens.return_path(seq, "bounce.example")
    local, _, domain = path.partition("@")
    assert domain == "bounce.example"
    assert len(local) <= 64
    assert path == path.lower()
    for spelling in (local, local.upper(), local.title()):
        assert reader.read_return_path(spelling) == Claims(Purpose.BOUNCE, 7, seq)


def test_altered_return_paths_are_refused(tokens: SendTokens, reader: TokenReader) -> None:
    local = tokens.return_path(5, "b.example").partition("@")[0]
    other = "a" if local[-1] != "a" else "b"
    for wrong in ("", "postmaster", local[:-1], local + "a", local[:-1] + other, local.replace(".5.", ".6.")):
        with pytest.raises(TokenError):
            reader.read_return_path(wrong)


def test_what_does_not_fit_is_refused_when_signing(tokens: SendTokens) -> None:
    with pytest.raises(TokenError, match="4096"):
        tokens.click(1, 1, "https://a.example/" + "x" * 4096)
    with pytest.raises(TokenError, match="16-byte"):
        tokens.unsubscribe(1, b"short", "news")
    with pytest.raises(TokenError, match="200 bytes"):
        tokens.unsubscribe(1, HASH, "n" * 201)


def test_tokens_of_a_preview_are_good_for_nothing(ring: Keyring) -> None:
    tokens = send_tokens(ring, NO_SEND)
    for token, purpose in (
        (tokens.unsubscribe(1, bytes(16), "offers"), Purpose.UNSUBSCRIBE),
        (tokens.pixel(1), Purpose.OPEN),
        (tokens.click(1, 1), Purpose.CLICK),
        (tokens.view(1), Purpose.VIEW),
    ):
        with pytest.raises(TokenError, match="preview"):
            TokenReader(ring).read(token, purpose)


@given(st.binary(min_size=10, max_size=10))
def test_return_paths_are_written_in_base32(tag: bytes) -> None:
    assert _base32(tag) == base64.b32encode(tag).decode("ascii").lower()


def test_a_message_id_names_its_message_and_nobody_elses(ring):
    reader = TokenReader(ring)
    message_id = send_tokens(ring, 7).message_id(12, "news.example")
    for form in (message_id, f"<{message_id}>", f"  <{message_id.upper()}> ", message_id.partition("@")[0]):
        claims = reader.read_message_id(form)
        assert (claims.send_no, claims.seq) == (7, 12)
    altered = f"{message_id[:7]}{int(message_id[7], 16) ^ 1:x}{message_id[8:]}"
    for wrong in (altered, "abc@news.example", f"{message_id} and more", ""):
        with pytest.raises(TokenError):
            reader.read_message_id(wrong)


def test_a_preference_token_knows_its_person_and_is_good_for_nothing_else(ring):
    reader, person = TokenReader(ring), b"p" * 16
    token = send_tokens(ring, 7).preferences(12, person)
    assert reader.read(token, Purpose.PREFERENCES).address_hash == person
    with pytest.raises(TokenError):
        reader.read(token, Purpose.UNSUBSCRIBE)
