"""The gates of a preflight: what must hold of the rendered messages before a send may be opened.

Add a gate here with the count that it judges. Rendering belongs to ``preflight``, the files to the audience's own
gates.
"""

from pathlib import Path
from typing import Protocol

from assets.audiences.checks import SuppressionLog, count_audience
from assets.audiences.definition import CampaignDefinition
from assets.audiences.gates import MOST_GROWTH, Gate, Verdict, judge_gates, usual_size
from assets.audiences.manifest import Manifest, load_manifest
from assets.deliveries.preflight import Preflight, load_preflight
from senders.ledger.rows import SendRow

MOST_HTML_BYTES = 100 * 1024  # Gmail cuts longer mails off, and the unsubscribe link with them
MUCH_HTML_BYTES = 80 * 1024
MOST_UNRENDERABLE = 0.01


class SendLog(SuppressionLog, Protocol):
    """What the gates need of the ledger."""

    def sends(self) -> list[SendRow]:
        """Return all opened sends, oldest first."""
        ...


def check_preflight(folder: Path, definition: CampaignDefinition, ledger: SendLog) -> Verdict:
    """Judge the preflight of a send.

    Args:
        folder: the send's folder.
        definition: the campaign, which may set a limit of its own.
        ledger: knows the last sends, and who is suppressed at this moment.
    """
    manifest, preflight = load_manifest(folder), load_preflight(folder)
    usual = usual_size(ledger.sends(), manifest.campaign, manifest.send_id)
    counts = _counts(manifest, preflight, usual)
    counts["suppressed"] = count_audience(folder, manifest, ledger)["suppressed"]
    return judge_gates(build_gates(definition, manifest.rows), counts, _warnings(preflight, usual))


def build_gates(definition: CampaignDefinition, recipients: int) -> list[Gate]:
    """Return the gates of a campaign; its own ``at_most`` takes the place of the comparison with earlier sends."""
    most = definition.at_most
    size = (
        Gate("size_is_as_usual", "times_usual_size", _growth_text(), at_most=MOST_GROWTH)
        if most is None
        else Gate(
            "size_is_within_at_most", "recipients", f"At most {most:,} recipients, as defs.yaml says.", at_most=most
        )
    )
    return [
        Gate("there_are_recipients", "recipients", "At least one person gets the message.", at_least=1),
        size,
        Gate("html_is_not_cut_off", "html_bytes_max", "No HTML is longer than 100 KB.", at_most=MOST_HTML_BYTES),
        Gate(
            "messages_can_be_rendered",
            "unrenderable_share",
            f"At most {MOST_UNRENDERABLE:.0%} of the messages cannot be rendered; preflight.json lists the first.",
            at_most=MOST_UNRENDERABLE if recipients else 0,
        ),
        Gate("fields_were_frozen", "fields_not_frozen", "Every field of the template is in the files.", at_most=0),
        Gate("audience_is_the_same", "hashes_that_differ", "It was made for this audience.", at_most=0),
        Gate("nobody_is_suppressed", "suppressed", "Nobody stands in the ledger's suppressions.", at_most=0),
    ]


def _growth_text() -> str:
    return (
        f"At most {MOST_GROWTH:g} times the size of the campaign's last sends; set at_most in defs.yaml to allow more."
    )


def _counts(manifest: Manifest, preflight: Preflight, usual: float | None) -> dict[str, float]:
    recipients = preflight.recipients
    return {
        "recipients": recipients,
        "times_usual_size": round(recipients / usual, 3) if usual else 1.0,
        "html_bytes_max": preflight.html_bytes["max"],
        "unrenderable_share": round(preflight.unrenderable / recipients, 6) if recipients else 0.0,
        "fields_not_frozen": sum(name not in manifest.columns for name in preflight.missing),
        "hashes_that_differ": int(manifest.audience_hash != preflight.audience_hash),
    }


def _warnings(preflight: Preflight, usual: float | None) -> list[str]:
    found = list(preflight.warnings)
    size = preflight.html_bytes["max"]
    if size > MUCH_HTML_BYTES:
        found.append(f"the longest HTML has {size / 1024:.0f} KB; Gmail cuts off at 102 KB, stay below 80")
    if preflight.unrenderable:
        found.append(f"{preflight.unrenderable} messages cannot be rendered and will end as refused")
    if usual and preflight.recipients * MOST_GROWTH < usual:
        found.append(f"{preflight.recipients:,} recipients are few; the last sends had about {usual:,.0f}")
    return found
