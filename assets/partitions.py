"""A send is a partition of its campaign: the keys, and the way between key, time and send id.

Add here what names a send. What happens in a send belongs to ``audiences`` and ``deliveries``.
"""

from datetime import UTC, datetime

import dagster as dg

_KEY = "%Y%m%dT%H%MZ"


def sends_of(campaign: str) -> dg.DynamicPartitionsDefinition:
    """Return the partitions of a campaign: its sends."""
    return dg.DynamicPartitionsDefinition(name=f"sends_of_{campaign}")


def send_key(moment: datetime) -> str:
    """Return the partition key of a send at a time: ``20261103T0900Z``."""
    return moment.astimezone(UTC).strftime(_KEY)


def send_time(key: str) -> datetime:
    """Return the time in a partition key.

    Raises:
        ValueError: the key does not look like ``20261103T0900Z``.
    """
    try:
        return datetime.strptime(key, _KEY).replace(tzinfo=UTC)
    except ValueError:
        raise ValueError(f"send key {key!r} does not look like 20261103T0900Z (UTC)") from None


def send_id(campaign: str, key: str) -> str:
    """Return the id of a send: ``<campaign>.<key>``."""
    return f"{campaign}.{key}"


def split_send_id(identity: str) -> tuple[str, str]:
    """Return campaign and key of a send id."""
    campaign, _, key = identity.rpartition(".")
    return campaign, key
