"""A signed, short-lived right to one person's preference page, for who asks for it by mail and has no message of ours.

Tokens of ``tokens`` belong to a send; this one belongs to none, and its key is derived for this use alone, so neither
is ever taken for the other. Add nothing that lives long: a link in a message has a token of the message.
"""

import base64
import binascii
import hashlib
import hmac
import struct
from datetime import UTC, datetime

from senders.errors import TokenError
from senders.tracking.keys import Keyring

_VERSION = 1
_HEAD = struct.Struct(">BBQ16s")
_MAC_BYTES = 16
_PERSON = b"mailrail-grant"


class GrantOverError(TokenError):
    """A grant that we signed and whose time is over."""


def sign_grant(keyring: Keyring, address_hash: bytes, expires_at: datetime) -> str:
    """Return the token; it holds the hash of the address, never the address."""
    key_id = keyring.current_id
    body = _HEAD.pack(_VERSION, key_id, int(expires_at.timestamp()), address_hash)
    return base64.urlsafe_b64encode(body + _mac(keyring, key_id, body)).rstrip(b"=").decode("ascii")


def read_grant(keyring: Keyring, token: str, now: datetime) -> bytes:
    """Return the address hash of a token.

    Raises:
        GrantOverError: its time is over.
        TokenError: we did not sign it, or it was altered.
    """
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise TokenError("grant: not base64url") from error
    body, mac = raw[:-_MAC_BYTES], raw[-_MAC_BYTES:]
    if len(body) != _HEAD.size or base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii") != token:
        raise TokenError("grant: cut short or misspelt")
    version, key_id, expires_at, address_hash = _HEAD.unpack(body)
    if version != _VERSION or not hmac.compare_digest(mac, _mac(keyring, key_id, body)):
        raise TokenError("grant: the signature does not match")
    if now >= datetime.fromtimestamp(expires_at, UTC):
        raise GrantOverError("grant: its time is over")
    return bytes(address_hash)


def _mac(keyring: Keyring, key_id: int, body: bytes) -> bytes:
    key = hashlib.blake2b(key=keyring.token_key(key_id), digest_size=32, person=_PERSON).digest()
    return hashlib.blake2b(body, digest_size=_MAC_BYTES, key=key).digest()
