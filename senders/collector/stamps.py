"""A signed time in a form's page: when the page was made, so that one filled in within a blink can be asked again.

It tells programs from people without a third party, a picture or a puzzle, hence for everybody who can read the page.
It is a hurdle and no proof; what protects the victim of a sign-up are the quotas. Add nothing that names a person.
"""

import base64
import binascii
import hashlib
import hmac
import struct
from enum import StrEnum

MIN_SECONDS = 2.0
MAX_SECONDS = 86_400.0
_PERSON = b"mailrail-stamp"
_MAC_BYTES = 16
_TIME = struct.Struct(">Q")


class Age(StrEnum):
    """What a stamp says."""

    GOOD = "good"
    TOO_YOUNG = "too_young"
    TOO_OLD = "too_old"
    NONE = "none"  # there is none, or it is none of ours for this form


def make_stamp(key: bytes, form: str, now: float) -> str:
    """Return a stamp of a time, in real seconds, for one form."""
    body = _TIME.pack(int(now * 1000))
    return base64.urlsafe_b64encode(body + _mac(key, form, body)).decode("ascii")


def judge_stamp(stamp: str, key: bytes, form: str, now: float) -> Age:
    """Say how old a stamp is; one from the future by more than a clock's error is too old."""
    try:
        raw = base64.b64decode(stamp, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return Age.NONE
    body, mac = raw[: _TIME.size], raw[_TIME.size :]
    if len(raw) != _TIME.size + _MAC_BYTES or not hmac.compare_digest(mac, _mac(key, form, body)):
        return Age.NONE
    age = now - _TIME.unpack(body)[0] / 1000
    if age < MIN_SECONDS:
        return Age.TOO_YOUNG if age > -MAX_SECONDS else Age.TOO_OLD
    return Age.GOOD if age <= MAX_SECONDS else Age.TOO_OLD


def _mac(key: bytes, form: str, body: bytes) -> bytes:
    return hashlib.blake2b(body + form.encode(), digest_size=_MAC_BYTES, key=key, person=_PERSON).digest()
