"""The signature of Standard Webhooks 1.0 (which Svix uses too), for what we send and what we get.

Signed are the call's id, its time in seconds and its body, by HMAC-SHA256 with a secret written as ``whsec_`` and
base64. Add nothing about what a body says.
"""

import base64
import binascii
import hashlib
import hmac

PREFIX = "whsec_"
LEAST_BYTES, MOST_BYTES = 16, 64


def decode_secret(text: str) -> bytes:
    """Return the bytes of a secret.

    Raises:
        ValueError: it is not base64, or of a length that no secret has.
    """
    try:
        secret = base64.b64decode(text.strip().removeprefix(PREFIX), validate=True)
    except binascii.Error:
        raise ValueError("it is not base64") from None
    if not LEAST_BYTES <= len(secret) <= MOST_BYTES:
        raise ValueError(f"it holds {len(secret)} bytes; {LEAST_BYTES} to {MOST_BYTES} are fit")
    return secret


def sign(secret: bytes, identity: str, timestamp: str, body: bytes) -> str:
    """Return one signature, as it stands in ``webhook-signature``."""
    digest = hmac.digest(secret, f"{identity}.{timestamp}.".encode() + body, hashlib.sha256)
    return f"v1,{base64.b64encode(digest).decode()}"


def signed_headers(secret: bytes, identity: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Return the headers of a call; without a secret it is not signed."""
    headers = {"content-type": "application/json", "webhook-id": identity, "webhook-timestamp": str(timestamp)}
    return headers | ({"webhook-signature": sign(secret, identity, str(timestamp), body)} if secret else {})
