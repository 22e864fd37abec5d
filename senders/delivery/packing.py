"""From a rendered message to a parcel: checked against the ledger, signed, made ready for DATA.

Add here what is done to every message between the render child, which is not trusted, and the wire.
"""

from collections.abc import Callable, Iterable, Mapping

from senders.errors import RenderError
from senders.ledger.transitions import Waiting
from senders.message import Message, Unrenderable
from senders.tracking.addresses import AddressError, hash_address, normalize_address
from senders.transports.base import Parcel
from senders.transports.wire import stuff

Packed = list[Parcel | Unrenderable]
Sign = Callable[[bytes], bytes]


class Packer:
    """Packs the messages of one shard's run."""

    def __init__(self, waiting: Mapping[int, Waiting], address_key: bytes, sign: Sign | None) -> None:
        self._waiting = waiting
        self._address_key = address_key
        self._sign = sign

    @property
    def is_slow(self) -> bool:
        """Whether packing should run in a thread: signing lets go of the interpreter."""
        return self._sign is not None

    def pack(self, items: Iterable[Message | Unrenderable]) -> Packed:
        """Return a parcel for each message, or why it has none; rows nobody asked for are dropped."""
        return [self._pack(item) for item in items if item.seq in self._waiting]

    def _pack(self, item: Message | Unrenderable) -> Parcel | Unrenderable:
        if isinstance(item, Unrenderable):
            return item
        if not self._is_for(item):
            return Unrenderable(item.seq, "the address is not the one of the frozen audience")
        try:
            body = stuff(self._sign(item.raw) if self._sign else item.raw)
        except RenderError as error:
            return Unrenderable(item.seq, str(error))
        # The number makes the key ours: two rows whose templates made one Message-ID stay two messages.
        key = f"{item.seq:x}.{item.message_id}"
        return Parcel(item.seq, item.return_path, item.recipient, body, item.needs_smtputf8, key=key)

    def _is_for(self, message: Message) -> bool:
        """Whether it goes to the address whose suppressions the ledger looks at (T13)."""
        try:
            found = hash_address(normalize_address(message.recipient), self._address_key)
        except AddressError:
            return False
        return found == self._waiting[message.seq].address_hash
