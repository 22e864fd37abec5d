"""Which kinds of relay there are: how each is opened, and whether it drops what it has already taken.

Add a kind here, with its module. What ``delivery`` must know about a kind it reads here, never from a class.
"""

from collections.abc import Callable
from dataclasses import dataclass

from senders.config import RelayConfig
from senders.transports.base import Transport
from senders.transports.maildir import MaildirTransport
from senders.transports.null import NullTransport
from senders.transports.smtp import RelayManners, SmtpTransport

Open = Callable[[RelayConfig, str, RelayManners], Transport]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of relay.

    ``drops_repeats`` says that a message offered again with the same ``Parcel.key`` is taken once, for as long as a
    send lives at least (``delivery.expire_hours``). Then what is in doubt is offered again instead of asking a person.
    ``mails_people`` says that what it takes may reach somebody; where it does not, a send is a rehearsal.
    """

    open: Open
    drops_repeats: bool = False
    mails_people: bool = True


KINDS: dict[str, Kind] = {
    "smtp": Kind(lambda relay, helo, manners: SmtpTransport(relay, helo=helo, manners=manners)),
    "maildir": Kind(lambda relay, _helo, _manners: MaildirTransport(relay), drops_repeats=True, mails_people=False),
    "null": Kind(lambda relay, _helo, _manners: NullTransport(relay), drops_repeats=True, mails_people=False),
}


def open_transport(relay: RelayConfig, helo: str, manners: RelayManners) -> Transport:
    """Return one connection to a relay, not made yet."""
    return KINDS[relay.transport].open(relay, helo, manners)


def drops_repeats(relay: RelayConfig) -> bool:
    """Whether a message that is in doubt at this relay may be offered to it again."""
    return KINDS[relay.transport].drops_repeats


def mails_people(relay: RelayConfig) -> bool:
    """Whether what this relay takes may reach somebody."""
    return KINDS[relay.transport].mails_people
