"""A source and a desk that are lists, and parcels to put into them."""

import asyncio

from senders.transports.base import Parcel


def parcel(seq, **changes):
    """Return a parcel to user<seq>."""
    values = {"body": b"Subject: x\r\n\r\nhello\r\n", "key": f"{seq:x}.m@shop.example", **changes}
    return Parcel(seq, f"b+{seq}@bounce.example", f"user{seq}@mail.example", **values)


class ListSource:
    """Parcels in order; what comes back is noted, and handed out again only with ``again``."""

    def __init__(self, count, *, again=False):
        self.waiting = [parcel(seq) for seq in range(1, count + 1)]
        self.back = []
        self.again = again

    async def next(self):
        await asyncio.sleep(0)
        return self.ready()

    def ready(self):
        return self.waiting.pop(0) if self.waiting else None

    def put_back(self, parcel, *, strike):
        self.back.append((parcel.seq, strike))
        parcel.strikes += strike
        if self.again:
            self.waiting.insert(0, parcel)


class ListDesk:
    """Says yes but to the refused, and keeps every ending: each parcel may have one."""

    def __init__(self, refuse=()):
        self.offers = []
        self.endings = {}
        self.dismissals = []
        self.refuse = refuse

    async def offer(self, parcel):
        await asyncio.sleep(0)
        self.offers.append(parcel.seq)
        return parcel.seq not in self.refuse

    def dismissed(self, parcel, reply):
        self.dismissals.append((parcel.seq, reply.code))

    def settle(self, parcel, ending, reply, connection):
        assert parcel.seq not in self.endings
        self.endings[parcel.seq] = (ending, reply.code)
