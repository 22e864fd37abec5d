"""DKIM signatures (RFC 6376), RSA and Ed25519 (RFC 8463), relaxed/relaxed.

Own code, since signing is the most expensive step of a message and ours does what ours needs: it signs what this
project builds. Verifying other people's mail does not belong here.
"""

import base64
import hashlib
from dataclasses import dataclass

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from senders.config import DkimConfig
from senders.errors import ConfigError

# Named once more than they occur, so that none can be added afterwards (RFC 6376 8.15).
OVERSIGNED = (
    b"from", b"to", b"reply-to", b"subject", b"date", b"message-id", b"list-unsubscribe", b"list-unsubscribe-post",
    b"mime-version", b"content-type",
)  # fmt: skip
SIGNED = (b"list-id", b"mailrail-send", b"feedback-id")
MIN_RSA_BITS = 1024  # RFC 8301 3.2
_SIGNATURE_LINE = 72
_LAYOUTS_MOST = 64

PrivateKey = RSAPrivateKey | Ed25519PrivateKey


@dataclass(frozen=True, slots=True)
class _Key:
    """A private key under its selector; ``sign`` takes what the signature covers."""

    domain: str
    selector: str
    private: PrivateKey

    @property
    def algorithm(self) -> str:
        return "rsa-sha256" if isinstance(self.private, RSAPrivateKey) else "ed25519-sha256"

    def sign(self, data: bytes) -> bytes:
        if isinstance(self.private, RSAPrivateKey):
            return self.private.sign(data, PKCS1v15(), hashes.SHA256())
        return self.private.sign(hashlib.sha256(data).digest())  # RFC 8463 3: the hash is what is signed

    def record(self) -> str:
        """Return the text of the key's TXT record (RFC 6376 3.6.1)."""
        if isinstance(self.private, RSAPrivateKey):
            encoding, form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        else:
            encoding, form = serialization.Encoding.Raw, serialization.PublicFormat.Raw
        public = base64.b64encode(self.private.public_key().public_bytes(encoding, form)).decode("ascii")
        return f"v=DKIM1; k={self.algorithm.split('-')[0]}; p={public}"


@dataclass(frozen=True, slots=True)
class _Layout:
    """What messages with the same header fields in the same order share.

    ``picks`` are the fields that are signed, in the order of ``h=``; ``begins`` are, for each key, its header up to
    the body's hash, as it is written and in relaxed form.
    """

    picks: tuple[int, ...]
    begins: tuple[tuple[bytes, bytes], ...]


class Signer:
    """Signs messages with one key, or with an RSA and an Ed25519 key; may be used by several threads at once."""

    def __init__(self, config: DkimConfig) -> None:
        """Read the keys.

        Raises:
            ConfigError: one is no private key, of another kind, or too short.
        """
        self._keys = tuple(_keys(config))
        self._layouts: dict[tuple[bytes, ...], _Layout] = {}

    def sign(self, raw: bytes) -> bytes:
        """Return a message, with CRLF line ends, with its signatures before it."""
        head, _, body = raw.partition(b"\r\n\r\n")
        fields = relaxed_fields(head)
        layout = self._layout(tuple([name for name, _ in fields]))
        body_hash = base64.b64encode(hashlib.sha256(canonical_body(body)).digest())
        covered = b"".join([b"%b:%b\r\n" % fields[at] for at in layout.picks])
        signatures = [
            written + body_hash + b";\r\n b=\r\n " + _lines(key.sign(covered + relaxed + body_hash + b"; b="))
            for key, (written, relaxed) in zip(self._keys, layout.begins, strict=True)
        ]
        return b"".join((*signatures, raw))

    def dns_records(self) -> dict[str, str]:
        """Return the texts of the TXT records that receivers verify with, by their names."""
        return {f"{key.selector}._domainkey.{key.domain}": key.record() for key in self._keys}

    def _layout(self, names: tuple[bytes, ...]) -> _Layout:
        layout = self._layouts.get(names)
        if layout is None:
            layout = self._make_layout(names)
            if len(self._layouts) < _LAYOUTS_MOST:
                self._layouts[names] = layout
        return layout

    def _make_layout(self, names: tuple[bytes, ...]) -> _Layout:
        # From the bottom up; names without a field stand for nothing (RFC 6376 5.4.2).
        places = {name: [at for at in range(len(names) - 1, -1, -1) if names[at] == name] for name in names}
        picks = [at for name in (*OVERSIGNED, *SIGNED) for at in places.get(name, ())]
        listed = [
            name.decode("ascii")
            for name in (*OVERSIGNED, *SIGNED)
            for _ in range(len(places.get(name, ())) + (name in OVERSIGNED))
        ]
        begins = [(_begin(key, listed, "\r\n "), _relaxed(_begin(key, listed, " "))) for key in self._keys]
        return _Layout(tuple(picks), tuple(begins))


def _keys(config: DkimConfig) -> list[_Key]:
    """Return the keys in the order of their signatures: RFC 8463 asks for Ed25519 beside RSA, not instead."""
    first = _Key(config.domain, config.selector, _load(config.private_key_pem, config.domain, config.selector))
    if not config.ed25519_selector:
        return [first]
    where = f"dkim keys of {config.domain}"
    if config.ed25519_selector == config.selector:
        raise ConfigError(f"{where}: both have the selector {config.selector}; give each key its own")
    pem = config.ed25519_private_key_pem
    second = _Key(config.domain, config.ed25519_selector, _load(pem, config.domain, config.ed25519_selector))
    if (first.algorithm, second.algorithm) != ("rsa-sha256", "ed25519-sha256"):
        found = f"{first.algorithm} and {second.algorithm}"
        raise ConfigError(f"{where}: {found}; two keys are an RSA key first and an Ed25519 key as the second")
    return [first, second]


def _load(pem: bytes, domain: str, selector: str) -> PrivateKey:
    where = f"dkim key of {selector}._domainkey.{domain}"
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ConfigError(f"{where}: not an unencrypted private key in PEM; make one with openssl genpkey") from error
    if isinstance(key, Ed25519PrivateKey):
        return key
    if not isinstance(key, RSAPrivateKey):
        raise ConfigError(f"{where}: neither RSA nor Ed25519; make one with openssl genpkey -algorithm RSA")
    if key.key_size < MIN_RSA_BITS:
        raise ConfigError(f"{where}: {key.key_size} bits; receivers ask for at least {MIN_RSA_BITS}, use 2048")
    return key


def relaxed_fields(head: bytes) -> list[tuple[bytes, bytes]]:
    """Return a header's fields in order, name and value in relaxed form (RFC 6376 3.4.2)."""
    text = _squeeze(head.replace(b"\r\n\t", b" ").replace(b"\r\n ", b" "))
    parts = [line.partition(b":") for line in text.split(b"\r\n") if line]
    return [(name.rstrip(b" ").lower(), value.strip(b" ")) for name, _, value in parts]


def canonical_body(body: bytes) -> bytes:
    """Return a body in relaxed form (RFC 6376 3.4.4)."""
    body = _squeeze(body).replace(b" \r\n", b"\r\n")
    if body.endswith(b"\r\n") and body[-4:] != b"\r\n\r\n" and len(body) > 2:
        return body  # as our own messages are: nothing was to be done, and nothing was copied
    body = body.rstrip(b"\r\n") if body.endswith(b"\r\n\r\n") else body.removesuffix(b"\r\n")
    body = body.removesuffix(b" ")
    return body + b"\r\n" if body else b""


def _squeeze(text: bytes) -> bytes:
    """Return a text with one space for each run of spaces and tabs."""
    # Plain searching is several times faster than a regular expression, and mostly there is nothing to do. Cutting and
    # joining goes through the text once where replacing goes twice, and copies nothing where nothing is found.
    if b"\t" in text:
        text = text.replace(b"\t", b" ")
    while len(pieces := text.split(b"  ")) > 1:
        text = b" ".join(pieces)
    return text


def _lines(signature: bytes) -> bytes:
    text = base64.b64encode(signature)
    lines = [text[at : at + _SIGNATURE_LINE] for at in range(0, len(text), _SIGNATURE_LINE)]
    return b"\r\n ".join(lines) + b"\r\n"


def _begin(key: _Key, names: list[str], between: str) -> bytes:
    """Return a signature's header up to its ``bh=``."""
    lines = [
        f"DKIM-Signature: v=1; a={key.algorithm}; c=relaxed/relaxed;",
        f"d={key.domain}; s={key.selector};",
        *_name_lines(names),
        "bh=",
    ]
    return between.join(lines).encode("ascii")


def _relaxed(field: bytes) -> bytes:
    [(name, value)] = relaxed_fields(field)
    return name + b":" + value


def _name_lines(names: list[str]) -> list[str]:
    lines: list[str] = []
    line = "h="
    for index, name in enumerate(names):
        piece = name + (":" if index < len(names) - 1 else ";")
        if len(line) + len(piece) > _SIGNATURE_LINE:
            lines.append(line)
            line = ""
        line += piece
    return [*lines, line]
