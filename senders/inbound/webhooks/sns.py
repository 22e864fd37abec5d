"""Amazon SNS: whether a message was signed by it, for a topic of ours (signature versions 1 and 2).

The certificate comes from the address that the message names, so that address must be Amazon's own. Add nothing about
what a message says; Amazon SES puts its events into it, and that stands in ``amazon_ses``.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA1, SHA256

from senders.errors import WebError
from senders.inbound.webhooks.provider import Fetch, Item, WebhookRefusedError

NOTIFICATION, SUBSCRIBE, UNSUBSCRIBE = "Notification", "SubscriptionConfirmation", "UnsubscribeConfirmation"
CERTIFICATES_MOST = 16
_HOST = re.compile(r"sns\.[a-z0-9-]{3,30}\.amazonaws\.com(?:\.cn)?")
_CERTIFICATE_PATH = re.compile(r"/[A-Za-z0-9._-]{1,100}\.pem")
# What is signed, in this order, each name and value on a line of its own.
_SIGNED = {
    NOTIFICATION: ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    SUBSCRIBE: ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    UNSUBSCRIBE: ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}


class SnsCertificates:
    """The certificates of Amazon SNS, fetched once each."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        self._known: dict[str, x509.Certificate] = {}

    def key(self, url: str, now: float) -> rsa.RSAPublicKey:
        """Return the key of a certificate that Amazon's own address serves.

        Raises:
            WebhookRefusedError: the address is another's, or what it serves is no certificate that holds now.
        """
        place = urlsplit(url) if is_sns_url(url) else None
        if place is None or not _CERTIFICATE_PATH.fullmatch(place.path) or place.query:
            raise WebhookRefusedError("a certificate of another")
        if url not in self._known:
            if len(self._known) >= CERTIFICATES_MOST:
                self._known.pop(next(iter(self._known)))
            self._known[url] = self._fetched(url)
        certificate = self._known[url]
        begin, end = certificate.not_valid_before_utc.timestamp(), certificate.not_valid_after_utc.timestamp()
        key = certificate.public_key()
        if not begin <= now <= end or not isinstance(key, rsa.RSAPublicKey):
            raise WebhookRefusedError("a certificate that does not hold")
        return key

    def _fetched(self, url: str) -> x509.Certificate:
        try:
            return x509.load_pem_x509_certificate(self._fetch(url))
        except (WebError, ValueError) as error:
            raise WebhookRefusedError("no certificate") from error


def is_sns_url(url: str) -> bool:
    """Whether an address is Amazon SNS's own: https, its host, and nothing that reads in two ways."""
    if not url.isascii() or any(character <= " " or character in "\\\x7f" for character in url):
        return False
    try:
        place = urlsplit(url)
        return place.scheme == "https" and place.netloc == place.hostname and bool(_HOST.fullmatch(place.netloc))
    except ValueError:
        return False


def require_signed(message: Item, certificates: SnsCertificates, now: float) -> None:
    """Make sure that Amazon signed a message.

    Raises:
        WebhookRefusedError: it did not.
    """
    key = certificates.key(_text(message, "SigningCertURL"), now)
    version = _text(message, "SignatureVersion")
    if version not in {"1", "2"}:
        raise WebhookRefusedError("an unknown signature")
    try:
        signature = base64.b64decode(_text(message, "Signature"), validate=True)
        # Version 1 is SHA-1 by Amazon's definition; a topic says which of the two it uses.
        digest = SHA1() if version == "1" else SHA256()  # noqa: S303
        key.verify(signature, signed_text(message), padding.PKCS1v15(), digest)
    except (InvalidSignature, binascii.Error, ValueError):
        raise WebhookRefusedError("the signature does not match") from None


def signed_text(message: Mapping[str, object]) -> bytes:
    """Return what Amazon signs of a message.

    Raises:
        WebhookRefusedError: it is of no kind that is signed.
    """
    names = _SIGNED.get(_text(message, "Type"))
    if names is None:
        raise WebhookRefusedError("an unknown kind of message")
    lines = [f"{name}\n{_text(message, name)}\n" for name in names if name in message]
    return "".join(lines).encode()


def _text(message: Mapping[str, object], name: str) -> str:
    value = message.get(name)
    return value if isinstance(value, str) else ""
