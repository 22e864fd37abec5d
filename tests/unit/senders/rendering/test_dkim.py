"""Signatures, verified by somebody else's code."""

import base64
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import dkim
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st

from senders.config import DkimConfig
from senders.errors import ConfigError
from senders.message import Message
from senders.rendering.dkim import Signer, canonical_body


def pem(key: Any) -> bytes:
    return bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


@pytest.fixture(scope="module", params=["rsa", "ed25519"])
def signer(request: pytest.FixtureRequest) -> Signer:
    key = rsa.generate_private_key(65537, 2048) if request.param == "rsa" else ed25519.Ed25519PrivateKey.generate()
    return Signer(DkimConfig("news.acme.example", "s1", pem(key)))


class BadSignatureError(Exception):
    """What dkimpy expects its Ed25519 library to raise."""


class VerifyKey:
    """The one class of that library that dkimpy verifies with; the library itself is not installed."""

    def __init__(self, encoded: bytes, encoder: object) -> None:
        self._key = ed25519.Ed25519PublicKey.from_public_bytes(base64.b64decode(encoded))

    def verify(self, data: bytes, signature: bytes) -> bytes:
        try:
            self._key.verify(signature, data)
        except InvalidSignature as error:
            raise BadSignatureError from error
        return data


@pytest.fixture(autouse=True)
def _ed25519_for_dkimpy(monkeypatch: pytest.MonkeyPatch) -> None:
    library = SimpleNamespace(
        signing=SimpleNamespace(VerifyKey=VerifyKey),
        encoding=SimpleNamespace(Base64Encoder=None),
        exceptions=SimpleNamespace(BadSignatureError=BadSignatureError, ValueError=ValueError),
    )
    monkeypatch.setattr(dkim, "nacl", library, raising=False)


def verifies(signer: Signer, raw: bytes) -> bool:
    def record(name: bytes, timeout: int = 5) -> bytes:
        assert name == b"s1._domainkey.news.acme.example."
        return signer.dns_record().encode()

    try:
        return bool(dkim.DKIM(raw).verify(dnsfunc=record))
    except dkim.ValidationError:
        return False


MESSAGE = (
    b"From: Acme <hello@news.acme.example>\r\nTo: ann@example.com\r\nSubject: A long\r\n folded subject\r\n"
    b"Date: Tue, 03 Nov 2026 09:00:01 +0000\r\nMessage-ID: <a@news.acme.example>\r\nList-Id: <a.b>\r\n"
    b"List-Unsubscribe: <https://a.example/u/t>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
    b"MIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\nHello\r\n"
)


def test_a_signed_message_verifies(signer: Signer) -> None:
    signed = signer.sign(MESSAGE)
    assert signed.endswith(MESSAGE)
    assert verifies(signer, signed)
    head = signed.partition(b"\r\n\r\n")[0]
    assert all(len(line) <= 78 for line in head.split(b"\r\n"))


def test_the_same_message_gets_the_same_signature(signer: Signer) -> None:
    assert signer.sign(MESSAGE) == signer.sign(MESSAGE)


@pytest.mark.parametrize(
    "header",
    [
        b"From: eve@evil.example",
        b"To: eve@evil.example",
        b"Subject: other",
        b"Reply-To: eve@evil.example",
        b"List-Unsubscribe: <https://evil.example/>",
        b"List-Unsubscribe-Post: x",
        b"Content-Type: text/html",
        b"MIME-Version: 1.0",
        b"Message-ID: <b@evil.example>",
        b"Date: Tue, 03 Nov 2026 10:00:01 +0000",
    ],
)
def test_no_header_can_be_added_afterwards(signer: Signer, header: bytes) -> None:
    signed = signer.sign(MESSAGE)
    assert not verifies(signer, header + b"\r\n" + signed)


@pytest.mark.parametrize(
    ("old", "new"),
    [(b"Hello", b"Hullo"), (b"<a.b>", b"<a.c>"), (b"ann@", b"bob@"), (b"One-Click", b"one-click")],
)
def test_nothing_signed_can_be_changed(signer: Signer, old: bytes, new: bytes) -> None:
    assert not verifies(signer, signer.sign(MESSAGE).replace(old, new))


def test_space_may_change_on_the_way(signer: Signer) -> None:
    signed = signer.sign(MESSAGE)
    changed = signed.replace(b"A long\r\n folded", b"A  long\tfolded").replace(b"Hello\r\n", b"Hello \t\r\n\r\n\r\n")
    assert verifies(signer, changed)


@given(body=st.text(alphabet="ab \t\n.\u00e9", max_size=200))
def test_any_body_verifies(signer: Signer, body: str) -> None:
    head = MESSAGE.partition(b"\r\n\r\n")[0]
    raw = head + b"\r\n\r\n" + body.replace("\n", "\r\n").encode() + b"\r\n"
    assert verifies(signer, signer.sign(raw))


@pytest.mark.parametrize(
    ("body", "canonical"),
    [
        (b"", b""),
        (b"\r\n\r\n", b""),
        (b" \r\n", b""),
        (b"a", b"a\r\n"),
        (b"a\r\n\r\n\r\n", b"a\r\n"),
        (b"a \t b \r\n", b"a b\r\n"),
        (b"a\r\n \r\n\r\n", b"a\r\n"),
        (b"a\r\n \t\r\nb ", b"a\r\n\r\nb\r\n"),
    ],
)
def test_relaxed_bodies(body: bytes, canonical: bytes) -> None:
    assert canonical_body(body) == canonical


def test_rendered_messages_verify(
    signer: Signer, folder: Any, make_renderer: Callable[..., Any], row: dict[str, Any]
) -> None:
    renderer = make_renderer(folder.words("Grüße {{ contact.first_name }}").compile())
    for name in ("Ann", "Zoë", "x" * 1200):
        message = renderer.build({**row, "first_name": name})
        assert isinstance(message, Message)
        assert verifies(signer, signer.sign(message.raw))


@pytest.mark.parametrize(
    ("key", "match"),
    [
        (b"no key", "not an unencrypted private key"),
        (pem(ec.generate_private_key(ec.SECP256R1())), "neither RSA nor Ed25519"),
    ],
)
def test_keys_that_do_not_do(key: bytes, match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        Signer(DkimConfig("a.example", "s", key))
