"""Settings become the resource instances that assets ask for, by key.

Make an instance here; its class lives with the assets that need it.
"""

import subprocess
from pathlib import Path

from assets.warehouse.resources import Mailrail
from orchestration.settings import Settings, make_home
from senders.transports.kinds import mails_people


def build_mailrail(settings: Settings) -> Mailrail:
    """Return the project as assets and commands see it."""
    settings.require_public_address()
    make_home(settings)
    relays = settings.relay_configs()
    is_production = settings.environment == "production"
    allowed = {
        name: None
        if is_production or all(relays[relay].is_loopback for relay in profile.pool)
        else tuple(settings.recipient_allow_list)
        for name, profile in settings.profiles.items()
    }
    return Mailrail(
        project=settings.project,
        home=settings.home,
        base_url=settings.collector.base_url.rstrip("/"),
        profiles=settings.profiles,
        allowed_recipients=allowed,
        git_commit=read_commit(settings.project),
        dashboards_url=settings.dashboards_url(),
        currency=settings.dashboards.currency,
        resolve_mx=settings.resolves_mx(),
        expire_hours=settings.expire_hours,
        tracking_needs_consent=settings.tracking.default == "consent",
        may_track=settings.tracking.enabled,
        rehearsing=frozenset(
            name
            for name, profile in settings.profiles.items()
            if not any(mails_people(relays[relay]) for relay in profile.pool)
        ),
    )


def read_commit(project: Path) -> str:
    """Return the commit that the definitions stand at, with ``+`` where files were changed; '' outside git."""
    command = ["git", "-C", str(project), "describe", "--always", "--abbrev=12", "--dirty=+", "--exclude=*"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
