"""Makes a campaign's folder from a starter; the command line and Dagster's scaffolder share it.

Add here what a new campaign must be told. Whether a campaign is right is found by ``assets.audiences.definition``.
"""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from string import Template

from assets.yaml_words import quoted, scalar
from senders.errors import ConfigError, GuardError

STARTERS = Path(__file__).parent
DEFAULT = "newsletter"
DEFAULT_SEGMENT = "seg_all_contacts"
TOPICS = {"newsletter": "news", "promotion": "offers", "plain": "news"}
_SUFFIX = ".template"  # a defs.yaml of its own would be taken for a campaign
_NAME = re.compile(r"[a-z][a-z0-9_]{0,99}")
_TOPIC = re.compile(r"[a-z][a-z0-9_-]{0,63}")
_SEGMENT = re.compile(r"seg_[a-z][a-z0-9_]*")
_MAX_TITLE = 120


@dataclass(frozen=True, slots=True)
class NewCampaign:
    """What a starter must know; empty title and topic mean its own."""

    name: str
    sender: str
    starter: str = DEFAULT
    title: str = ""
    topic: str = ""
    segment: str = DEFAULT_SEGMENT

    def values(self) -> dict[str, str]:
        """Return what stands for the starter's ``$…`` words.

        Raises:
            ConfigError: one of them cannot stand in a campaign; says which and what would.
        """
        title = " ".join((self.title or self.name.replace("_", " ").capitalize()).split())
        topic = self.topic or TOPICS[self.starter]
        if len(title) > _MAX_TITLE or not title.isprintable():
            raise ConfigError(
                f"--title: {title[:60]!r} is too long or not plain text; at most {_MAX_TITLE} characters."
            )
        if not _TOPIC.fullmatch(topic):
            raise ConfigError(f"--topic: {topic!r} is not a topic; use small letters, digits, - and _, such as offers.")
        if not _SEGMENT.fullmatch(self.segment):
            raise ConfigError(f"--segment: {self.segment!r} is not a segment; segments are called seg_… in dbt.")
        return {
            "name": self.name,
            "title": quoted(title),
            "topic": scalar(topic),
            "sender": scalar(self.sender),
            "segment": self.segment,
        }


def starters() -> tuple[str, ...]:
    """Return the names of all starters, the usual one first."""
    return tuple(TOPICS)


def only_sender(place: Path) -> str:
    """Return the one sender profile of the ``mailrail.toml`` above a place.

    Raises:
        ConfigError: there is no such file, or not exactly one profile in it.
    """
    for folder in (place, *place.parents):
        path = folder / "mailrail.toml"
        if path.is_file():
            known = sorted(tomllib.loads(path.read_text(encoding="utf-8")).get("senders", {}))
            if len(known) == 1:
                return str(known[0])
            raise ConfigError(f"{path} has {len(known)} sender profiles ({', '.join(known)}); name one as sender.")
    raise ConfigError(f"there is no mailrail.toml above {place}; name a sender profile as sender.")


def check_name(name: str) -> None:
    """Refuse a name that no campaign can have.

    Raises:
        ConfigError: says what would do.
    """
    if not _NAME.fullmatch(name):
        fit = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_0123456789") or "spring_sale"
        raise ConfigError(
            f"{name!r} cannot name a campaign: use small letters, digits and _, beginning with a letter, "
            f"such as {fit[:100]}."
        )


def write_campaign(folder: Path, campaign: NewCampaign) -> list[Path]:
    """Write the three files of a campaign; never over others.

    Args:
        folder: ``assets/campaigns/<name>``; made if it does not exist.
        campaign: what the files say.

    Raises:
        ConfigError: the name, a value or the starter cannot be used.
        GuardError: a file of that name exists.
    """
    check_name(campaign.name)
    if campaign.starter not in TOPICS:
        raise ConfigError(f"{campaign.starter!r} is no starter; there are {', '.join(starters())}.")
    values = campaign.values()
    texts = {
        folder / path.name.removesuffix(_SUFFIX): Template(path.read_text(encoding="utf-8")).substitute(values)
        for path in sorted((STARTERS / campaign.starter).iterdir())
    }
    for path in texts:
        if path.exists():
            raise GuardError(f"{path} exists and is never written over; choose another name, or remove it first.")
    folder.mkdir(parents=True, exist_ok=True)
    # The definition last: a folder without it is no campaign yet.
    for path, text in sorted(texts.items(), key=lambda pair: pair[0].name == "defs.yaml"):
        try:
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
        except FileExistsError:
            raise GuardError(f"{path} was made in the meantime; somebody else makes this campaign.") from None
    return list(texts)
