"""What a person wants to see beside the count of a plan: who signs, when it goes out, who must allow it, what is wrong.

Add a fact here when it should be seen before a send. Counting the audience belongs to ``assets.audiences``, how
it looks to ``orchestration.cli.views``.
"""

from dataclasses import dataclass
from pathlib import Path

from assets.audiences.definition import CampaignDefinition, check_campaign, load_campaign
from assets.warehouse import dbt
from orchestration.settings import Settings
from senders.errors import Problem


@dataclass(frozen=True, slots=True)
class Briefing:
    """One campaign as it would go out, in words."""

    title: str
    topic: str
    sender: str
    relay: str
    schedule: str
    approval: str
    limits: str
    problems: tuple[Problem, ...]


def brief_campaign(settings: Settings, campaign: str) -> Briefing:
    """Return what is to be known of a campaign before it is sent.

    Raises:
        ConfigError: its definition cannot be used.
    """
    folder = settings.project / "assets" / "campaigns" / campaign
    definition = load_campaign(folder)
    return Briefing(
        title=definition.title,
        topic=definition.topic,
        sender=_sender(settings, definition),
        relay=_relay(settings, definition),
        schedule=_schedule(definition),
        approval=_approval(definition),
        limits=_limits(settings, definition),
        problems=tuple(_problems(settings, folder)),
    )


def _sender(settings: Settings, definition: CampaignDefinition) -> str:
    profile = settings.senders.get(definition.sender)
    return f"{profile.from_name} <{profile.from_address}>" if profile else f"{definition.sender}, which is not there"


def _relay(settings: Settings, definition: CampaignDefinition) -> str:
    profile = settings.senders.get(definition.sender)
    relay = settings.relays.get(profile.relay) if profile else None
    if profile is None or relay is None:
        return ""
    if relay.transport != "smtp":
        return f"by {profile.relay} ({relay.transport}: nobody is mailed)"
    place = "this machine" if relay.build(profile.relay).is_loopback else relay.host
    return f"by {profile.relay} ({place})"


def _schedule(definition: CampaignDefinition) -> str:
    schedule = definition.schedule
    if schedule is None:
        return "none: a person sends it"
    if schedule.at is not None:
        return f"once, {schedule.at:%a} {schedule.at.day} {schedule.at:%b %Y %H:%M %Z}"
    return f"{schedule.cron}  {schedule.timezone}"


def _approval(definition: CampaignDefinition) -> str:
    if definition.approval == "automatic":
        return f"automatic, to {definition.at_most:,} people at most"
    return "by a person, with the exact number"


def _limits(settings: Settings, definition: CampaignDefinition) -> str:
    parts = []
    if definition.frequency_cap is not None:
        parts.append(f"at most {definition.frequency_cap.messages} in {definition.frequency_cap.days} days")
    if definition.holdout:
        parts.append(f"holdout {definition.holdout:.1%}")
    if definition.rollout_percent_per_hour is not None:
        parts.append(f"roll-out of {definition.rollout_percent_per_hour:g}% in an hour")
    hours = definition.expire_hours or settings.expire_hours.get(definition.sender, settings.delivery.expire_hours)
    parts.append(f"given up after {hours:g} h")
    return " · ".join(parts)


def _problems(settings: Settings, folder: Path) -> list[Problem]:
    """Return what `mailrail check` says of the campaign; its segments are compared where dbt was parsed already."""
    project = dbt.parsed(settings.project / "dbt_project", settings.home)
    segments = set(project.segments()) if project else None
    found = check_campaign(folder, segments=segments, profiles=settings.expire_hours)
    root = settings.project
    names = [name for name in Problem.__dataclass_fields__ if name != "path"]
    return [Problem(_shown(Path(one.path), root), *(getattr(one, name) for name in names)) for one in found]


def _shown(path: Path, root: Path) -> str:
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)
