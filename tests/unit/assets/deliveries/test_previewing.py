import pytest

from assets.deliveries.previewing import preview_campaign
from senders.errors import ConfigError
from tests.fixtures.audiences import World


def test_shows_real_recipients_masked(world: World) -> None:
    shown = preview_campaign(world.mailrail, "spring_sale", limit=2)
    assert [item.subject for item in shown] == ["News for you"] * 2
    assert all("•••@mail.example" in item.masked for item in shown)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"address": "nobody"}, "'nobody' is no address that can be written to: the address has no @"),
        ({"address": "who@mail.example"}, "who@mail.example is not among its recipients; see: mailrail plan"),
        ({"limit": 0}, "at least one message, not 0"),
        ({"limit": -1}, "at least one message, not -1"),
    ],
)
def test_what_cannot_be_shown_is_said_in_one_line(world: World, asked, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        preview_campaign(world.mailrail, "spring_sale", **asked)
