"""Which spellings of an address reach one mailbox, for counting: a limit must not be passed by another spelling.

Only counters use this. Whom we write to, and whose wish it is not to be written to, goes by the address itself, since
two spellings may be two people to some provider. Add a provider that ignores dots, or that has several domains.
"""

import hashlib

# Their mailboxes ignore dots in the local part, and the domains of one group are one.
_DOTLESS = {
    "gmail.com": "gmail.com",
    "googlemail.com": "gmail.com",
    "proton.me": "proton.me",
    "protonmail.com": "proton.me",
    "pm.me": "proton.me",
}
_PERSON = b"mailrail-quota"


def counted_mailbox(normal: str) -> str:
    """Return the one spelling under which a mailbox is counted, of an address in its normal form.

    What follows a plus (RFC 5233 calls it the detail) is cut off everywhere: few providers deliver it elsewhere.
    """
    local, _, domain = normal.rpartition("@")
    local = local.partition("+")[0] or local
    if domain in _DOTLESS:
        local, domain = local.replace(".", ""), _DOTLESS[domain]
    return f"{local}@{domain}"


def counting_key(kind: str, text: str, key: bytes) -> str:
    """Return the name of a counter: keyed, so that the table of counters holds nobody's address."""
    digest = hashlib.blake2b(text.encode(), digest_size=16, key=key, person=_PERSON).hexdigest()
    return f"{kind}:{digest}"
