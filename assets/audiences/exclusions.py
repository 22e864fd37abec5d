"""Why somebody in the segments does not get a message: the reasons, in the order in which they are asked.

Each person has exactly one reason, the first that holds. Add a reason here and its condition in ``judging``; the
same words stand in the ledger, in the marts and on screens.
"""

from enum import StrEnum


class Reason(StrEnum):
    """Reason codes of exclusions, in order of precedence."""

    EXCLUDED_SEGMENT = "excluded_segment"
    UNSUBSCRIBED = "unsubscribed"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    IMPORTED = "imported"
    NO_CONSENT = "no_consent"
    INVALID_ADDRESS = "invalid_address"
    NOT_ALLOW_LISTED = "not_allow_listed"
    MISSING_FIELD = "missing_field"
    FREQUENCY_CAP = "frequency_cap"
    HOLDOUT = "holdout"


SUPPRESSIONS = (Reason.UNSUBSCRIBED, Reason.BOUNCED, Reason.COMPLAINED, Reason.IMPORTED)

WORDS = {
    Reason.EXCLUDED_SEGMENT: "is in a segment that the campaign excludes",
    Reason.UNSUBSCRIBED: "unsubscribed",
    Reason.BOUNCED: "the address bounced for good",
    Reason.COMPLAINED: "complained about a message",
    Reason.IMPORTED: "was brought in as unsubscribed by a source",
    Reason.NO_CONSENT: "has given no consent",
    Reason.INVALID_ADDRESS: "has no address that can be written to",
    Reason.NOT_ALLOW_LISTED: "is not on recipient_allow_list, and this is not production",
    Reason.MISSING_FIELD: "lacks a value that the template needs",
    Reason.FREQUENCY_CAP: "got enough messages lately",
    Reason.HOLDOUT: "is held out, to measure what the campaign brings",
}
