from pathlib import Path

import pytest

from assets.audiences.definition import check_campaign, load_campaign
from assets.starters.campaigns import NewCampaign, check_name, only_sender, starters, write_campaign
from senders.errors import ConfigError, GuardError
from senders.rendering.samples import SAMPLES
from senders.rendering.trial import try_template

ROOT = Path(__file__).resolve().parents[4]
SHARED = ROOT / "assets" / "templates"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project whose shared templates are the real ones."""
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "templates").symlink_to(SHARED)
    return tmp_path


def write(project: Path, name: str = "my_news", **changes: str) -> Path:
    folder = project / "assets" / "campaigns" / name
    write_campaign(folder, NewCampaign(name=name, sender="shop", **changes))
    return folder


@pytest.mark.parametrize("starter", starters())
def test_each_starter_is_right_at_once_and_renders_for_everybody(project, starter):
    folder = write(project, starter=starter)
    assert check_campaign(folder, segments={"seg_all_contacts"}, profiles={"shop": 24.0}) == []
    trial = try_template(folder, SHARED)
    assert trial.problems == ()
    assert trial.samples == len(SAMPLES) >= 20
    assert 0 < trial.html_bytes < 40_000


@pytest.mark.parametrize("starter", starters())
def test_each_starter_looks_to_phones_and_dark_mode_and_says_what_to_change(project, starter):
    folder = write(project, starter=starter)
    written = (folder / "template.mjml").read_text(encoding="utf-8")
    assert written.startswith("<!--")
    assert "mailrail preview my_news --open" in written
    html = try_template(folder, SHARED).template.html
    assert '<meta name="color-scheme" content="light dark"' in html
    assert "prefers-color-scheme: dark" in html
    assert "unsubscribe_url" in html


def test_a_letter_has_no_pictures_and_no_starter_names_one_that_is_not_there(project):
    for starter in starters():
        html = try_template(write(project, f"a_{starter}", starter=starter), SHARED).template.html
        assert "<img" not in html


def test_only_known_partials_are_used(project):
    for starter in starters():
        paths = try_template(write(project, f"b_{starter}", starter=starter), SHARED).paths
        used = {Path(path).name for path in paths if Path(path).parent.name == "partials"}
        assert {"style.mjml", "footer.mjml"} <= used <= {"style.mjml", "header.mjml", "footer.mjml"}


@pytest.mark.parametrize(
    ("changes", "title", "topic"),
    [
        ({}, "My news", "news"),
        ({"starter": "promotion"}, "My news", "offers"),
        ({"title": 'A "new": title # 1', "topic": "on"}, 'A "new": title # 1', "on"),
        ({"title": "true", "topic": "true"}, "true", "true"),
    ],
)
def test_what_was_said_stands_in_the_definition(project, changes, title, topic):
    definition = load_campaign(write(project, **changes))
    assert (definition.title, definition.topic, definition.sender) == (title, topic, "shop")
    assert definition.audience.include == ["seg_all_contacts"]


def test_nothing_is_written_over(project):
    folder = write(project)
    (folder / "subject.txt.j2").write_text("Mine", encoding="utf-8")
    (folder / "template.mjml").unlink()
    with pytest.raises(GuardError, match="exists and is never written over"):
        write(project)
    assert (folder / "subject.txt.j2").read_text(encoding="utf-8") == "Mine"
    assert not (folder / "template.mjml").exists()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"starter": "../../etc"}, "is no starter; there are newsletter, promotion, plain"),
        ({"topic": "Offers!"}, "'Offers!' is not a topic"),
        ({"segment": "everybody"}, "segments are called seg_"),
        ({"title": "x" * 121}, "too long"),
        ({"title": "a\x07b"}, "not plain text"),
    ],
)
def test_a_wrong_value_is_named_before_anything_is_written(project, changes, words):
    with pytest.raises(ConfigError, match=words):
        write(project, **changes)
    assert not (project / "assets" / "campaigns").exists()


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("Spring Sale!", "spring_sale"),
        ("2026_sale", "sale"),
        ("../x", "x"),
        ("", "spring_sale"),
        ("a" * 101, "a" * 100),
    ],
)
def test_a_wrong_name_is_answered_with_a_right_one(name, remedy):
    with pytest.raises(ConfigError, match=f"such as {remedy}\\.$"):
        check_name(name)


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ("[senders.a]\n[senders.b]\n", r"has 2 sender profiles \(a, b\)"),
        ("home = 'x'\n", "has 0 sender profiles"),
        (None, "there is no mailrail.toml above"),
    ],
)
def test_without_exactly_one_sender_it_must_be_named(tmp_path, toml, words):
    if toml is not None:
        (tmp_path / "mailrail.toml").write_text(toml)
    with pytest.raises(ConfigError, match=words):
        only_sender(tmp_path / "assets" / "campaigns" / "x")


def test_the_only_sender_is_found_from_below(tmp_path):
    (tmp_path / "mailrail.toml").write_text("[senders.shop]\n")
    assert only_sender(tmp_path / "assets" / "campaigns" / "x") == "shop"
