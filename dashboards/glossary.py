"""What each state, reason, stage and rule is called, and what it means, in one sentence.

Add an entry when the marts learn a new code; an unknown code is shown as it stands. The meanings repeat the
definitions in ``dbt_project`` for readers; they decide nothing.
"""

from collections.abc import Mapping
from typing import NamedTuple

from dashboards.formats import plain


class Term(NamedTuple):
    """A name and what it means."""

    name: str
    meaning: str


OUTCOMES: Mapping[str, Term] = {
    "accepted": Term("Accepted", "the relay took the message and said so"),
    "refused": Term("Refused", "the relay said no for good, or the message could not be made"),
    "suppressed": Term("Suppressed", "unsubscribed, bounced or complained after the audience was frozen"),
    "expired": Term("Expired", "tried again until it was too late"),
    "cancelled": Term("Cancelled", "stopped by a person before it was offered"),
    "in_doubt": Term("In doubt", "the connection broke before the reply; never sent again by itself"),
}
WAITING: Mapping[str, Term] = {
    "queued": Term("Queued", "not offered yet"),
    "offered": Term("Offered", "handed to the relay, no reply yet"),
    "deferred": Term("Deferred", "the relay said later"),
}
STAGES: Mapping[str, Term] = {
    "audience": Term("Audience", "rows of the frozen audience"),
    "accepted": Term("Accepted", "taken by the relay"),
    "opened": Term("Opened", "opened by a person"),
    "clicked": Term("Clicked", "clicked by a person"),
    "bought": Term("Bought", "led to at least one order"),
}
REASONS: Mapping[str, Term] = {
    "unsubscribed": Term("Unsubscribed", "asked not to be written to, here or on this topic"),
    "bounced": Term("Bounced before", "the address was refused for good"),
    "soft_bounced": Term("Given up after soft bounces", "send after send came back as undeliverable for the moment"),
    "complained": Term("Complained before", "marked a message as spam"),
    "imported": Term("Unsubscribed in a source", "a source says that the person does not want mail"),
    "declined_topic": Term("Topic declined", "the person chose not to get mail about this topic"),
    "no_consent": Term("No consent", "nobody holds the person's permission for this topic, or it has ended"),
    "paused": Term("Paused by the person", "the person wants no mail before a day"),
    "invalid_address": Term("Invalid address", "no message can be sent there"),
    "not_allow_listed": Term("Not on the allow-list", "outside production only listed addresses get real mail"),
    "missing_field": Term("Missing field", "the template needs a value that is not there"),
    "preferred_frequency": Term("As often as the person wants", "asked for one message a week or a month, and had it"),
    "frequency_cap": Term("Frequency cap", "had enough messages lately"),
    "holdout": Term("Holdout", "kept apart to measure what the message changes"),
    "excluded_segment": Term("Excluded segment", "in a segment that the campaign leaves out"),
}
RULES: Mapping[str, Term] = {
    "apple_mpp": Term("Apple Mail Privacy", "images fetched ahead of the reader"),
    "known_bot": Term("Known scanner", "the client says that it is one"),
    "empty_user_agent": Term("No client named", "people's programs say what they are"),
    "head_request": Term("HEAD request", "asked for the address without reading it"),
    "sweep": Term("Link sweep", "several links of a message within one second"),
    "sweep_open": Term("Open during a sweep", "images fetched by whoever swept the links"),
}
LIGHTS: Mapping[str, Term] = {
    "healthy": Term("Healthy", "below both lines"),
    "watch": Term("Watch", "above the first line"),
    "act": Term("Act now", "above the second line"),
    "few": Term("Too few", "not enough messages to judge"),
}
ROLES: Mapping[str, str] = {"unsubscribe": "unsubscribe", "view": "view in browser", "preferences": "preferences"}


def term(terms: Mapping[str, Term], code: object) -> Term:
    """Return a code's term, or the code itself where it is not known."""
    text = plain(code)
    return terms.get(text) or Term(text.replace("_", " ").capitalize() or "Not named", "")
