"""Why somebody in the segments does not get a message: the reasons, in the order in which they are asked.

Each person has exactly one reason, the first that holds. Add a reason here, its condition in ``judging``
and its words for people in ``dashboards.glossary``.
"""

from enum import StrEnum


class Reason(StrEnum):
    """Reason codes of exclusions, in order of precedence."""

    EXCLUDED_SEGMENT = "excluded_segment"
    UNSUBSCRIBED = "unsubscribed"
    BOUNCED = "bounced"
    SOFT_BOUNCED = "soft_bounced"
    COMPLAINED = "complained"
    IMPORTED = "imported"
    DECLINED_TOPIC = "declined_topic"
    NO_CONSENT = "no_consent"
    PAUSED = "paused"
    INVALID_ADDRESS = "invalid_address"
    NOT_ALLOW_LISTED = "not_allow_listed"
    MISSING_FIELD = "missing_field"
    PREFERRED_FREQUENCY = "preferred_frequency"
    FREQUENCY_CAP = "frequency_cap"
    HOLDOUT = "holdout"


SUPPRESSIONS = (Reason.UNSUBSCRIBED, Reason.BOUNCED, Reason.SOFT_BOUNCED, Reason.COMPLAINED, Reason.IMPORTED)
