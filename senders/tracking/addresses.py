"""Email addresses: the normal form by which people are recognised, its keyed hash, and a mask for logs.

Add a rule here when two spellings of one mailbox must count as one. Whether a mailbox exists, or whether its
owner wants mail, is not decided here.
"""

import functools
import hashlib
import re
import unicodedata

import idna

MAX_LOCAL = 64  # RFC 5321 4.5.3.1.1
MAX_DOMAIN = 253
MAX_ADDRESS = 254  # RFC 5321 4.5.3.1.3, without the angle brackets

_ATEXT = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]"
_LOCAL = re.compile(rf"{_ATEXT}+(?:\.{_ATEXT}+)*")
_FOREIGN = re.compile(r"[^\x00-\x7f]")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_WORD_WITH_AT = re.compile(r"[^\s,;<>\"]*@[^\s,;<>\"]*")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")

REASONS = {
    "empty": "is empty",
    "no_at": "has no @",
    "local_too_long": "has more than 64 bytes before the @",
    "domain_too_long": "has a domain or an address that is too long",
    "bad_local": "has characters before the @ that mail does not carry",
    "bad_domain": "has a domain that cannot exist",
    "no_tld": "has a domain without a top-level domain",
    "control_character": "contains a control character",
    "spaces": "contains spaces",
}


class AddressError(ValueError):
    """An address that cannot be written to; ``reason_code`` is one of `REASONS`."""

    def __init__(self, reason_code: str) -> None:
        self.reason_code = reason_code
        super().__init__(f"the address {REASONS[reason_code]}")


def normalize_address(text: str) -> str:
    """Return the normal form: trimmed, lower case, the domain as IDNA A-labels.

    Quoted local parts and address literals are refused: no reader of ours ever met one that was a customer. A local
    part in other letters than ASCII is kept as it is, in Unicode's form C (RFC 6531 3.3, RFC 6532 3.1): it has no other
    spelling, and relays without SMTPUTF8 cannot carry it.

    Raises:
        AddressError: the text is no address that we can write to.
    """
    address = wire_address(text).lower()
    return address if address.isascii() else unicodedata.normalize("NFC", address)


def wire_address(text: str) -> str:
    """Return the address for the envelope: as `normalize_address`, but with the local part's case as given.

    Raises:
        AddressError: the text is no address that we can write to.
    """
    text = text.strip(" \t\r\n\u00a0\ufeff")
    local, domain = _split(text)
    plain = local
    if not local.isascii():
        local = unicodedata.normalize("NFC", local)
        plain = _plain(local)
    if len(plain) > MAX_LOCAL:
        raise AddressError("local_too_long")
    if not _LOCAL.fullmatch(plain):
        raise AddressError("bad_local")
    domain = normalize_domain(domain)
    if len(plain) + 1 + len(domain) > MAX_ADDRESS:
        raise AddressError("domain_too_long")
    return f"{local}@{domain}"


def _plain(local: str) -> str:
    """Return a local part with an x for each byte of its characters outside ASCII; limits count bytes, not characters.

    Raises:
        AddressError: one of them is no letter, mark, number or symbol: it could not be seen, or is taken for another.
    """
    if any(not character.isascii() and unicodedata.category(character)[0] not in "LMNS" for character in local):
        raise AddressError("bad_local")
    longest = max(local, unicodedata.normalize("NFC", local.lower()), key=lambda one: len(one.encode()))
    return _FOREIGN.sub(lambda match: "x" * len(match[0].encode()), longest)


def _split(text: str) -> tuple[str, str]:
    if not text:
        raise AddressError("empty")
    if _CONTROL.search(text):
        raise AddressError("control_character")
    if text.split() != [text]:
        raise AddressError("spaces")
    local, at, domain = text.rpartition("@")
    if not at:
        raise AddressError("no_at")
    return local, domain


@functools.lru_cache(maxsize=65536)
def normalize_domain(domain: str) -> str:
    """Return a domain in lower case as IDNA A-labels; raises `AddressError`."""
    lowered = domain.lower()
    labels = lowered.split(".")
    if not lowered.isascii() or any(label.startswith("xn--") for label in labels):
        lowered = _to_a_labels(lowered)
        labels = lowered.split(".")
    if len(lowered) > MAX_DOMAIN:
        raise AddressError("domain_too_long")
    if not all(_LABEL.fullmatch(label) for label in labels):
        raise AddressError("bad_domain")
    if len(labels) < 2 or labels[-1].isdigit() or len(labels[-1]) < 2:
        raise AddressError("no_tld")
    return lowered


def _to_a_labels(domain: str) -> str:
    try:
        encoded: bytes = idna.encode(domain, uts46=True)
    except (idna.IDNAError, UnicodeError, ValueError) as error:
        raise AddressError("bad_domain") from error
    return encoded.decode("ascii")


def hash_address(normal: str, key: bytes) -> bytes:
    """Return the 16-byte keyed hash of a normal form; its ``hex()`` is the contact id."""
    return hashlib.blake2b(normal.encode(), digest_size=16, key=key).digest()


def mask_addresses(text: str) -> str:
    """Return a text with every word masked that has an @ in it: a broken address is somebody's as well."""
    return _WORD_WITH_AT.sub(lambda match: _mask_word(match[0]), text)


def _mask_word(word: str) -> str:
    try:
        normalize_address(word)
    except AddressError:
        return f"{word[:1].strip('@')}•••@"
    return mask_address(word)


def mask_address(normal: str) -> str:
    """Return an address fit for logs and screens: first character and domain."""
    local, _, domain = normal.rpartition("@")
    return f"{local[:1]}•••@{domain}"
