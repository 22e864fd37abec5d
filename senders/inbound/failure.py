"""The kinds of failure, in the words of events, ledger and warehouse. What tells one from another is `classify`'s."""

from enum import StrEnum


class Failure(StrEnum):
    """Who or what is at fault, in the order of what weighs more for the contact."""

    PERMANENT = "permanent"  # the address: never again
    BLOCK = "block"  # the receiver does not want this mail or this source
    POLICY = "policy"  # the sender's fault: authentication, rate, size, protocol
    TRANSIENT = "transient"  # the moment
