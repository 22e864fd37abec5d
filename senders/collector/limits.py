"""The quotas of mail that strangers can make us send, as the ledger counts them (RELIABILITY T10).

Add a quota here when something else can be flooded. How they are counted belongs to ``ledger.quotas``, their numbers
to the settings.
"""

import ipaddress

from senders.forms import SignupLimits
from senders.ledger.quotas import Quota
from senders.tracking.mailboxes import counted_mailbox, counting_key

_MINUTE, _DAY = 60.0, 86_400.0
_V4_BITS, _V6_BITS = 24, 64


def mail_quotas(limits: SignupLimits, email: str, address: str, key: bytes) -> list[Quota]:
    """Return what a mail to somebody counts for.

    Args:
        limits: the numbers.
        email: the recipient's address in its normal form; counted by mailbox, in whatever spelling.
        address: the client's network address, '' where not known.
        key: of the counters' names.
    """
    mailbox = counting_key("mailbox", counted_mailbox(email), key)
    domain = counting_key("domain", email.rpartition("@")[2], key)
    quotas = [
        Quota(f"{mailbox}:pause", 1, limits.pause_minutes * _MINUTE),
        Quota(f"{mailbox}:day", limits.per_day, _DAY, is_exact=True),
        Quota("mail:minute", limits.per_minute, _MINUTE),
        Quota(f"{domain}:minute", limits.per_domain, _MINUTE),
    ]
    if network := client_network(address):
        quotas.append(Quota(f"{counting_key('network', network, key)}:minute", limits.per_network, _MINUTE))
    return quotas


def client_network(address: str) -> str:
    """Return the network of a client: /24 or /64, as much as one household or company has.

    '' for what is no address, and for this machine: a proxy that does not say for whom it asks.
    """
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return ""
    found = getattr(found, "ipv4_mapped", None) or found
    if found.is_loopback:
        return ""
    bits = _V4_BITS if found.version == 4 else _V6_BITS
    return str(ipaddress.ip_network((found, bits), strict=False))
