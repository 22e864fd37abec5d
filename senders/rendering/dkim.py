"""DKIM signatures (RFC 6376), RSA and Ed25519 (RFC 8463), relaxed/relaxed.

Own code, since signing is the most expensive step of a message and ours does what ours needs: it signs what this
project builds. Verifying other people's mail does not belong here.
"""

import base64
import hashlib
import re

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from senders.config import DkimConfig
from senders.errors import ConfigError

# Named once more than they occur, so that none can be added afterwards (RFC 6376 8.15).
OVERSIGNED = (
    "from", "to", "reply-to", "subject", "date", "message-id", "list-unsubscribe", "list-unsubscribe-post",
    "mime-version", "content-type",
)  # fmt: skip
SIGNED = ("list-id", "mailrail-send", "feedback-id")
MIN_RSA_BITS = 1024  # RFC 8301 3.2
_WSP = re.compile(rb"[ \t]+")
_FOLD = re.compile(rb"\r\n(?=[ \t])")
_SIGNATURE_LINE = 72


class Signer:
    """Signs messages with one key; may be used by several threads at once."""

    def __init__(self, config: DkimConfig) -> None:
        """Read the key.

        Raises:
            ConfigError: it is no private key, of another kind, or too short.
        """
        self._key = _load(config)
        self._algorithm = "rsa-sha256" if isinstance(self._key, RSAPrivateKey) else "ed25519-sha256"
        self._domain = config.domain
        self._selector = config.selector

    def sign(self, raw: bytes) -> bytes:
        """Return a message, with CRLF line ends, with its DKIM-Signature before it."""
        head, _, body = raw.partition(b"\r\n\r\n")
        fields = _fields(head)
        names = [name for name in (*OVERSIGNED, *SIGNED) for _ in range(_times(name, fields))]
        body_hash = base64.b64encode(hashlib.sha256(canonical_body(body)).digest()).decode("ascii")
        prefix = self._prefix(names, body_hash)
        signed = _signed_fields(names, fields) + _relaxed(prefix.encode("ascii"))
        signature = base64.b64encode(self._sign(signed)).decode("ascii")
        pieces = [signature[at : at + _SIGNATURE_LINE] for at in range(0, len(signature), _SIGNATURE_LINE)]
        value = "\r\n ".join([prefix, *pieces])
        return value.encode("ascii") + b"\r\n" + raw

    def dns_record(self) -> str:
        """Return the text of the TXT record at ``<selector>._domainkey.<domain>``."""
        public = self._key.public_key()
        if isinstance(self._key, RSAPrivateKey):
            encoding, form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        else:
            encoding, form = serialization.Encoding.Raw, serialization.PublicFormat.Raw
        kind = self._algorithm.split("-")[0]
        return f"v=DKIM1; k={kind}; p={base64.b64encode(public.public_bytes(encoding, form)).decode('ascii')}"

    def _prefix(self, names: list[str], body_hash: str) -> str:
        lines = [
            f"DKIM-Signature: v=1; a={self._algorithm}; c=relaxed/relaxed;",
            f"d={self._domain}; s={self._selector};",
            *_name_lines(names),
            f"bh={body_hash};",
            "b=",
        ]
        return "\r\n ".join(lines)

    def _sign(self, data: bytes) -> bytes:
        if isinstance(self._key, RSAPrivateKey):
            return self._key.sign(data, PKCS1v15(), hashes.SHA256())
        return self._key.sign(hashlib.sha256(data).digest())  # RFC 8463 3: the hash is what is signed


def _load(config: DkimConfig) -> RSAPrivateKey | Ed25519PrivateKey:
    where = f"dkim key of {config.selector}._domainkey.{config.domain}"
    try:
        key = serialization.load_pem_private_key(config.private_key_pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ConfigError(f"{where}: not an unencrypted private key in PEM; make one with openssl genpkey") from error
    if isinstance(key, Ed25519PrivateKey):
        return key
    if not isinstance(key, RSAPrivateKey):
        raise ConfigError(f"{where}: neither RSA nor Ed25519; make one with openssl genpkey -algorithm RSA")
    if key.key_size < MIN_RSA_BITS:
        raise ConfigError(f"{where}: {key.key_size} bits; receivers ask for at least {MIN_RSA_BITS}, use 2048")
    return key


def _fields(head: bytes) -> dict[str, list[bytes]]:
    """Return the header fields by lower-case name, in order, folded as they are."""
    fields: dict[str, list[bytes]] = {}
    for line in _FOLD.sub(b"", head).split(b"\r\n"):
        name = line.partition(b":")[0].strip().lower().decode("ascii")
        fields.setdefault(name, []).append(line)
    return fields


def _times(name: str, fields: dict[str, list[bytes]]) -> int:
    return len(fields.get(name, ())) + (name in OVERSIGNED)


def _signed_fields(names: list[str], fields: dict[str, list[bytes]]) -> bytes:
    """Return what ``h=`` names, from the bottom up; names without a field stand for nothing (RFC 6376 5.4.2)."""
    left = {name: list(lines) for name, lines in fields.items()}
    return b"".join(_relaxed(left[name].pop()) + b"\r\n" for name in names if left.get(name))


def _relaxed(line: bytes) -> bytes:
    name, _, value = line.partition(b":")
    return name.strip().lower() + b":" + _WSP.sub(b" ", _FOLD.sub(b"", value)).strip(b" \t")


def canonical_body(body: bytes) -> bytes:
    """Return a body in relaxed form (RFC 6376 3.4.4)."""
    # Plain replacing is several times faster than a regular expression, and mostly there is nothing to do.
    if b"\t" in body:
        body = body.replace(b"\t", b" ")
    while b"  " in body:
        body = body.replace(b"  ", b" ")
    body = body.replace(b" \r\n", b"\r\n")
    body = body.rstrip(b"\r\n") if body.endswith(b"\r\n\r\n") else body.removesuffix(b"\r\n")
    body = body.removesuffix(b" ")
    return body + b"\r\n" if body else b""


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
