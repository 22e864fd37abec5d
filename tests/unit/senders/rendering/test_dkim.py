"""Signatures, verified by somebody else's code."""

import base64
import hashlib
import re
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import dkim
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from dkim.canonicalization import Relaxed
from hypothesis import given
from hypothesis import strategies as st

from senders.config import DkimConfig
from senders.errors import ConfigError
from senders.message import Message
from senders.rendering.dkim import OVERSIGNED, SIGNED, Signer, canonical_body, relaxed_fields
from tests.fixtures.corpora import CORPORA, needs_corpora
from tests.fixtures.dns_texts import needs_opendkim, verify_with_opendkim


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
        return signer.dns_records()[name.decode().rstrip(".")].encode()

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


def _two_keys() -> DkimConfig:
    first, second = rsa.generate_private_key(65537, 2048), ed25519.Ed25519PrivateKey.generate()
    return DkimConfig("news.acme.example", "s1", pem(first), "s2", pem(second))


def _verifies_at(signer: Signer, raw: bytes, index: int) -> bool:
    records = signer.dns_records()
    try:
        return bool(dkim.DKIM(raw).verify(index, dnsfunc=lambda name, timeout=5: records[name.decode()[:-1]].encode()))
    except dkim.ValidationError:
        return False


def test_two_keys_make_two_signatures_and_rsa_comes_first() -> None:
    signer = Signer(_two_keys())
    signed = signer.sign(MESSAGE)
    tags = [line for line in signed.split(b"\r\n") if line.startswith(b"DKIM-Signature:")]
    assert [b"a=rsa-sha256" in tags[0], b"a=ed25519-sha256" in tags[1], len(tags)] == [True, True, 2]
    assert [_verifies_at(signer, signed, index) for index in (0, 1)] == [True, True]
    assert signer.dns_records().keys() == {"s1._domainkey.news.acme.example", "s2._domainkey.news.acme.example"}
    changed = signed.replace(b"Hello", b"Hullo")
    assert [_verifies_at(signer, changed, index) for index in (0, 1)] == [False, False]


def test_a_second_key_is_ed25519_beside_rsa() -> None:
    keys = _two_keys()
    swapped = DkimConfig(keys.domain, "s1", keys.ed25519_private_key_pem, "s2", keys.private_key_pem)
    with pytest.raises(ConfigError, match="an RSA key first and an Ed25519 key as the second"):
        Signer(swapped)
    with pytest.raises(ConfigError, match="give each key its own"):
        Signer(replace(keys, ed25519_selector="s1"))


@pytest.mark.parametrize("name", [name.decode() for name in (*OVERSIGNED, *SIGNED)])
def test_no_signed_header_can_be_taken_away(signer: Signer, name: str) -> None:
    message = b"Reply-To: a@acme.example\r\nMailrail-Send: s\r\nFeedback-ID: a:b:mailrail:shop\r\n" + MESSAGE
    head, _, body = signer.sign(message).partition(b"\r\n\r\n")
    fields = re.split(rb"\r\n(?![ \t])", head)
    kept = [field for field in fields if not field.lower().startswith(name.encode() + b":")]
    assert len(kept) == len(fields) - 1
    assert verifies(signer, b"\r\n".join(fields) + b"\r\n\r\n" + body)
    assert not verifies(signer, b"\r\n".join(kept) + b"\r\n\r\n" + body)


@needs_opendkim
def test_opendkim_verifies_rsa_signatures(folder: Any, make_renderer: Callable[..., Any], row: dict[str, Any]) -> None:
    """It knows no Ed25519 (2.11): it takes the RSA signature of the two, and refuses what was changed."""
    signer = Signer(_two_keys())
    message = make_renderer(folder.words("Grüße {{ contact.first_name }}").compile()).build(row)
    signed = signer.sign(message.raw)
    assert verify_with_opendkim(signed, signer.dns_records()) == ""
    assert "Bad signature" in verify_with_opendkim(signed.replace(b"<html", b"<HTML", 1), signer.dns_records())
    assert verify_with_opendkim(b"Subject: again\r\n" + signed, signer.dns_records())


# RFC 8463 appendix A.2; the secret is also the first of RFC 8032 7.1.
_RFC_8463_SECRET = "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A="
_RFC_8463 = (
    b"From: Joe SixPack <joe@football.example.com>\r\nTo: Suzie Q <suzie@shopping.example.net>\r\n"
    b"Subject: Is dinner ready?\r\nDate: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n"
    b"Message-ID: <20030712040037.46341.5F8J@football.example.com>\r\n\r\n"
    b"Hi.\r\n\r\nWe lost the game.  Are you hungry yet?\r\n\r\nJoe.\r\n"
)


def test_the_message_of_rfc_8463_gets_its_body_hash() -> None:
    key = ed25519.Ed25519PrivateKey.from_private_bytes(base64.b64decode(_RFC_8463_SECRET))
    signer = Signer(DkimConfig("football.example.com", "brisbane", pem(key)))
    published = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
    assert signer.dns_records() == {"brisbane._domainkey.football.example.com": published}
    signed = signer.sign(_RFC_8463)
    assert b"bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;" in signed
    assert _verifies_at(signer, signed, 0)


def test_the_signature_of_rfc_8463_covers_what_ours_would() -> None:
    """Its own fields in its own order, canonicalised by us and signed with its key, give its signature exactly."""
    begin = (
        b"DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\r\n d=football.example.com; "
        b"i=@football.example.com;\r\n q=dns/txt; s=brisbane; t=1528637909; h=from : to :\r\n subject : date : "
        b"message-id : from : subject : date;\r\n bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n b="
    )
    fields = dict(relaxed_fields(_RFC_8463.partition(b"\r\n\r\n")[0]))
    covered = b"".join(
        b"%b:%b\r\n" % (name, fields[name]) for name in (b"from", b"to", b"subject", b"date", b"message-id")
    )
    [(name, value)] = relaxed_fields(begin)
    key = ed25519.Ed25519PrivateKey.from_private_bytes(base64.b64decode(_RFC_8463_SECRET))
    signature = base64.b64encode(key.sign(hashlib.sha256(covered + name + b":" + value).digest()))
    assert signature == b"/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11BusFa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw=="


@needs_corpora
@pytest.mark.parametrize("name", ["rfc6376.msg", "test.message", "test2.message", "test_extra.message"])
def test_messages_of_the_vectors_verify_with_our_signature(signer: Signer, name: str) -> None:
    raw = (CORPORA / "dkimpy-vectors" / name).read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    body = raw.partition(b"\r\n\r\n")[2]
    assert canonical_body(body) == Relaxed.canonicalize_body(body)
    theirs = Relaxed.canonicalize_headers([tuple(one) for one in dkim.rfc822_parse(raw)[0]])
    assert [b"%b:%b\r\n" % field for field in relaxed_fields(raw.partition(b"\r\n\r\n")[0])] == [
        b"%b:%b" % field for field in theirs
    ]
    assert verifies(signer, signer.sign(raw))


@needs_corpora
def test_the_vector_of_another_program_is_what_we_would_sign() -> None:
    """Exim's Ed25519 message: the hash of its body, and its signature over its fields in our canonical form."""
    folder = CORPORA / "dkimpy-vectors"
    raw = (folder / "ed25519test2.msg").read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    head, _, body = raw.partition(b"\r\n\r\n")
    fields = dict(relaxed_fields(head))
    tags = dict(part.strip().split(b"=", 1) for part in fields[b"dkim-signature"].split(b";") if part.strip())
    assert base64.b64decode(tags[b"bh"]) == hashlib.sha256(canonical_body(body)).digest()
    lacking = [name for name in tags[b"h"].lower().split(b":") if name not in fields]
    assert lacking == [b"to", b"subject"]
    covered = (
        b"from:"
        + fields[b"from"]
        + b"\r\ndkim-signature:"
        + re.sub(rb"(?<![a-z])b=[^;]*", b"b=", fields[b"dkim-signature"])
    )
    record = next(
        path for path in (folder / "eximtest.dns", folder / "ed25519test.dns") if b"ed25519" in path.read_bytes()
    )
    public = base64.b64decode(record.read_bytes().partition(b"p=")[2].split(b";")[0].strip(b' "\n'))
    signature = base64.b64decode(re.sub(rb"\s", b"", tags[b"b"]))
    ed25519.Ed25519PublicKey.from_public_bytes(public).verify(signature, hashlib.sha256(covered).digest())
