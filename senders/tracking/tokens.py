"""The tokens in links, Message-IDs and return paths: who, which message, which link, signed.

A token is ``version key purpose send seq link | payload | mac`` in base64url without padding: 39 characters
where there is no payload. Add a purpose here when a new public URL must know its reader; what the URL then does
belongs to the collector.
"""

import base64
import binascii
import functools
import hashlib
import hmac
import re
import struct
from dataclasses import dataclass
from enum import IntEnum

from senders.errors import TokenError
from senders.tracking.keys import Keyring

VERSION = 1
NO_SEND = 0  # previews: their tokens look like any other and are good for nothing
MAC_BYTES = 16
TAG_BYTES = 10
HASH_BYTES = 16
MAX_TOKEN = 8192
MAX_URL = 4096
MAX_TOPIC = 200
_HEAD = struct.Struct(">BBBIIH")
_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_STANDARD = bytes.maketrans(b"-_", b"+/")
_BASE32 = "abcdefghijklmnopqrstuvwxyz234567"
_BASE32_PAIRS = tuple(first + second for first in _BASE32 for second in _BASE32)
_MESSAGE_ID = re.compile(r"<?([0-9a-f]{30})(?:@[^\s<>]*)?>?")
_MESSAGE = struct.Struct(">II")
_MESSAGE_TAG_BYTES = 7
_IDENTITY = b"mailrail-msgid"
_RETURN_PATH = re.compile(r"b\+([0-9a-f]{1,8})\.([0-9a-f]{1,8})\.([a-z2-7]{16})")


class Purpose(IntEnum):
    """What a token may be used for; one is never accepted for another."""

    CLICK = 1
    OPEN = 2
    VIEW = 3
    UNSUBSCRIBE = 4
    BOUNCE = 5  # return paths only
    MESSAGE = 6  # Message-IDs only
    PREFERENCES = 7


@dataclass(frozen=True, slots=True)
class Claims:
    """What a verified token says."""

    purpose: Purpose
    send_no: int
    seq: int
    link_no: int = 0
    url: str = ""
    address_hash: bytes = b""
    topic: str = ""


@dataclass(frozen=True, slots=True, repr=False)
class SendTokens:
    """Signs the tokens of one send with a key that is good for that send only.

    The object is picklable and holds no master key, so it may go to the render child. ``identity`` is the key of
    Message-IDs, which stay the same when token keys rotate between two tries.
    """

    send_no: int
    key_id: int
    key: bytes
    identity: bytes = b""

    def __repr__(self) -> str:
        return f"SendTokens(send_no={self.send_no}, key_id={self.key_id})"

    def click(self, seq: int, link_no: int, url: str = "") -> str:
        """Return the token of a link; ``url`` only where the target differs from person to person."""
        payload = url.encode()
        if len(payload) > MAX_URL:
            raise TokenError(f"token: a link target of {len(payload)} bytes; at most {MAX_URL} fit")
        return self._sign(Purpose.CLICK, seq, link_no, payload)

    def pixel(self, seq: int) -> str:
        """Return the token of the open pixel."""
        return self._sign(Purpose.OPEN, seq)

    def view(self, seq: int) -> str:
        """Return the token of the message's page in the browser."""
        return self._sign(Purpose.VIEW, seq)

    def unsubscribe(self, seq: int, address_hash: bytes, topic: str) -> str:
        """Return an unsubscribe token; it carries what is needed to honour it when all tables are gone."""
        encoded = topic.encode()
        if len(address_hash) != HASH_BYTES or len(encoded) > MAX_TOPIC:
            raise TokenError("token: an unsubscribe needs a 16-byte address hash and a topic of at most 200 bytes")
        return self._sign(Purpose.UNSUBSCRIBE, seq, 0, address_hash + encoded)

    def message_id(self, seq: int, domain: str) -> str:
        """Return the Message-ID without its angle brackets; the same at every try, and it names its message."""
        tag = _message_tag(self.identity or self.key, self.send_no, seq)
        return f"{_MESSAGE.pack(self.send_no, seq).hex()}{tag.hex()}@{domain}"

    def return_path(self, seq: int, bounce_domain: str) -> str:
        """Return the envelope sender; it survives a change of case on its way back."""
        tag = _base32(_tag(self.key, self.send_no, seq))
        return f"b+{self.send_no:x}.{seq:x}.{tag}@{bounce_domain}"

    def preferences(self, seq: int, address_hash: bytes) -> str:
        """Return the token of a person's preference page."""
        if len(address_hash) != HASH_BYTES:
            raise TokenError("token: a preference page needs a 16-byte address hash")
        return self._sign(Purpose.PREFERENCES, seq, 0, address_hash)

    def _sign(self, purpose: Purpose, seq: int, link_no: int = 0, payload: bytes = b"") -> str:
        body = _HEAD.pack(VERSION, self.key_id, purpose, self.send_no, seq, link_no) + payload
        mac = hashlib.blake2b(body, digest_size=MAC_BYTES, key=self.key).digest()
        return _encode(body + mac)


def _base32(tag: bytes) -> str:
    """Return 10 bytes as 16 characters, in lower case (RFC 4648 6); the library's way costs ten times as much."""
    number = int.from_bytes(tag, "big")
    return "".join([_BASE32_PAIRS[number >> shift & 1023] for shift in range(70, -1, -10)])


def _encode(raw: bytes) -> str:
    return binascii.b2a_base64(raw, newline=False).translate(_URL_SAFE).rstrip(b"=").decode("ascii")


def send_tokens(keyring: Keyring, send_no: int) -> SendTokens:
    """Return the signer of one send, with keys derived from the keyring's."""
    key_id = keyring.current_id
    key = derive_key(keyring.token_key(key_id), send_no, b"mailrail-token")
    identity = derive_key(keyring.address_key, send_no, _IDENTITY)
    return SendTokens(send_no, key_id, key, identity)


def derive_key(master: bytes, send_no: int, person: bytes) -> bytes:
    """Return the key of one send; it tells nothing about the master or another send's key."""
    return hashlib.blake2b(key=master, digest_size=32, salt=send_no.to_bytes(8, "big"), person=person).digest()


def _tag(key: bytes, send_no: int, seq: int) -> bytes:
    body = _HEAD.pack(VERSION, 0, Purpose.BOUNCE, send_no, seq, 0)
    return hashlib.blake2b(body, digest_size=TAG_BYTES, key=key).digest()


def _message_tag(key: bytes, send_no: int, seq: int) -> bytes:
    body = _HEAD.pack(VERSION, 0, Purpose.MESSAGE, send_no, seq, 0)
    return hashlib.blake2b(body, digest_size=_MESSAGE_TAG_BYTES, key=key).digest()


class TokenReader:
    """Verifies tokens with all keys of a keyring, old ones too."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring
        self._send_key = functools.lru_cache(maxsize=4096)(self._derive)

    def read(self, token: str, purpose: Purpose) -> Claims:
        """Verify a token and return what it says.

        Raises:
            TokenError: we did not sign it, it was altered, or it is for another purpose.
        """
        body, mac = _decode(token)
        version, key_id, found, send_no, seq, link_no = _HEAD.unpack_from(body)
        if version != VERSION:
            raise TokenError("token: an unknown version")
        expected = hashlib.blake2b(body, digest_size=MAC_BYTES, key=self._send_key(key_id, send_no)).digest()
        if not hmac.compare_digest(mac, expected):
            raise TokenError("token: the signature does not match")
        if send_no == NO_SEND:
            raise TokenError("token: of a preview, which is no send")
        if found != purpose:
            raise TokenError(f"token: not made for {purpose.name.lower()}")
        return _claims(purpose, send_no, seq, link_no, body[_HEAD.size :])

    def read_return_path(self, local_part: str) -> Claims:
        """Verify the local part of a return path, in any case of letters.

        Raises:
            TokenError: it is none of ours.
        """
        match = _RETURN_PATH.fullmatch(local_part.lower())
        if not match:
            raise TokenError("return path: not of our form")
        send_no, seq, tag = int(match[1], 16), int(match[2], 16), base64.b32decode(match[3].upper())
        for key_id in self._keyring.key_ids:
            if hmac.compare_digest(tag, _tag(self._send_key(key_id, send_no), send_no, seq)):
                return Claims(Purpose.BOUNCE, send_no, seq)
        raise TokenError("return path: the signature does not match")

    def read_message_id(self, message_id: str) -> Claims:
        """Return which message a Message-ID names, with or without its angle brackets.

        Its tag tells ours from others'; it is 56 bits and travels in the open, so it proves no right to anything.

        Raises:
            TokenError: it is none of ours.
        """
        match = _MESSAGE_ID.fullmatch(message_id.strip().lower())
        if not match:
            raise TokenError("message id: not of our form")
        raw = bytes.fromhex(match[1])
        send_no, seq = _MESSAGE.unpack_from(raw)
        identity = derive_key(self._keyring.address_key, send_no, _IDENTITY)
        if not hmac.compare_digest(raw[_MESSAGE.size :], _message_tag(identity, send_no, seq)):
            raise TokenError("message id: the signature does not match")
        return Claims(Purpose.MESSAGE, send_no, seq)

    def _derive(self, key_id: int, send_no: int) -> bytes:
        return derive_key(self._keyring.token_key(key_id), send_no, b"mailrail-token")


def _decode(token: str) -> tuple[bytes, bytes]:
    if len(token) > MAX_TOKEN or not token.isascii():
        raise TokenError("token: too long or not ASCII")
    try:
        standard = token.encode("ascii").translate(_STANDARD) + b"=" * (-len(token) % 4)
        raw = binascii.a2b_base64(standard, strict_mode=True)
    except ValueError as error:
        raise TokenError("token: not base64url") from error
    # Unused bits at the end, or both alphabets, would give one token several spellings.
    if len(raw) < _HEAD.size + MAC_BYTES or _encode(raw) != token:
        raise TokenError("token: cut short or misspelt")
    return raw[:-MAC_BYTES], raw[-MAC_BYTES:]


def _claims(purpose: Purpose, send_no: int, seq: int, link_no: int, payload: bytes) -> Claims:
    if purpose is Purpose.UNSUBSCRIBE:
        topic = payload[HASH_BYTES:].decode()
        return Claims(purpose, send_no, seq, address_hash=payload[:HASH_BYTES], topic=topic)
    if purpose is Purpose.PREFERENCES:
        return Claims(purpose, send_no, seq, address_hash=payload)
    return Claims(purpose, send_no, seq, link_no=link_no, url=payload.decode())
