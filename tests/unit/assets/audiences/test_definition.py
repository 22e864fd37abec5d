from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import ValidationError

from assets.audiences.definition import DefinitionError, check_campaign, check_campaigns, load_campaign
from assets.audiences.models import CampaignDefinition, Schedule
from senders.errors import Problem
from tests.fixtures.audiences import World, define

HEAD = "type: assets.components.Campaign\nattributes:\n  title: T\n  topic: offers\n  sender: shop\n"
AUDIENCE = "  audience:\n    include: [seg_all_contacts]\n"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def check(world: World, text: str | None = None) -> list[Problem]:
    if text is not None:
        world.write_defs(text)
    return check_campaign(world.campaign, segments={"seg_all_contacts", "seg_customers"}, profiles={"shop": 24.0})


def brief(problems: list[Problem]) -> list[tuple]:
    return [(Path(p.path).name, p.line, p.id) for p in problems]


def test_a_sound_campaign_has_no_problem_and_loads(world: World) -> None:
    assert check(world) == []
    definition = load_campaign(world.campaign)
    assert (definition.topic, definition.approval, definition.late_after_minutes) == ("offers", "by_person", 120)


@pytest.mark.parametrize(
    ("text", "line", "id", "words"),
    [
        (HEAD + "  audience: [", 6, "YAML", "not YAML"),
        ("", 1, "YAML", "no keys"),
        ("- a\n", 1, "YAML", "no keys"),
        (
            "type: x\nattributes:\n  title: T\n  topic: o\n  sender: shop\n" + AUDIENCE,
            1,
            "CAMPAIGN-TYPE",
            "type is 'x'",
        ),
        ("type: assets.components.Campaign\n", 1, "CAMPAIGN-SHAPE", "attributes are missing"),
        (HEAD + AUDIENCE + "  titel: x\n", 8, "CAMPAIGN-KEY", "Did you mean title?"),
        (
            HEAD + "  audience:\n    inclde: [seg_all_contacts]\n    include: [seg_customers]\n",
            7,
            "CAMPAIGN-KEY",
            "include?",
        ),
        (HEAD, 2, "CAMPAIGN-KEY", "'audience' is missing"),
        (HEAD + "  audience:\n    include: []\n", 7, "CAMPAIGN-VALUE", "audience.include"),
        (
            HEAD + "  audience:\n    include:\n    - seg_all_contacts\n    - seg_customer\n",
            9,
            "CAMPAIGN-SEGMENT",
            "seg_customers?",
        ),
        (HEAD + "  audience:\n    include: [customers]\n", 7, "CAMPAIGN-VALUE", "seg_…"),
        (HEAD + AUDIENCE + '    where: "contry = 1"\n', 8, "CAMPAIGN-WHERE", "country?"),
        (
            HEAD + AUDIENCE + "    where: |\n      orders > 0\n      and read_text('x') = 'y'\n",
            10,
            "CAMPAIGN-WHERE",
            "read_text",
        ),
        (HEAD.replace("shop", "shp") + AUDIENCE, 5, "CAMPAIGN-SENDER", "Did you mean shop?"),
        (HEAD + AUDIENCE + "  rollout_percent_per_hour: 4\n", 8, "CAMPAIGN-ROLLOUT", "Set expire_hours above 25 in"),
        (HEAD + AUDIENCE + "  fields: [cty]\n", 8, "CAMPAIGN-VALUE", "Did you mean city?"),
        (HEAD + AUDIENCE + "  schedule: {at: 2026-11-03T09:00:00}\n", 8, "CAMPAIGN-VALUE", "no time zone"),
        (HEAD + AUDIENCE + "  schedule: {cron: often}\n", 8, "CAMPAIGN-VALUE", "is not cron"),
        (HEAD + AUDIENCE + "  schedule: {cron: 0 9 * * 2, timezone: Berlin}\n", 8, "CAMPAIGN-VALUE", "Europe/Berlin"),
        (HEAD + AUDIENCE + "  approval: automatic\n", 2, "CAMPAIGN-VALUE", "needs at_most"),
        (HEAD + AUDIENCE + "  approval: always\n", 8, "CAMPAIGN-VALUE", "by_person"),
        (HEAD + AUDIENCE + "  owners: [marketing]\n", 8, "CAMPAIGN-VALUE", "team:marketing"),
        (HEAD + AUDIENCE + "  holdout: 1.5\n", 8, "CAMPAIGN-VALUE", "less than 1"),
        (HEAD + AUDIENCE + "  title: again\n", 8, "YAML", "duplicate key"),
        (HEAD + AUDIENCE + "other: 1\n", 8, "CAMPAIGN-KEY", "below attributes"),
    ],
)
def test_a_mistake_is_reported_at_its_line(world: World, text: str, line: int, id: str, words: str) -> None:
    problems = [problem for problem in check(world, text) if problem.path.endswith("defs.yaml")]
    assert [(problem.line, problem.id) for problem in problems] == [(line, id)]
    assert words in str(problems[0])
    if id not in {"CAMPAIGN-SEGMENT", "CAMPAIGN-SENDER", "CAMPAIGN-ROLLOUT"}:  # those need to know what exists
        with pytest.raises(DefinitionError, match=id):
            load_campaign(world.campaign)


def test_all_mistakes_are_reported_together(world: World) -> None:
    text = HEAD.replace("topic: offers", "topic: Offers!") + "  audience:\n    include: [all]\n  titel: x\n"
    (world.campaign / "template.mjml").write_text("<mjml><mj-body>\n<mj-section>\n</mj-body></mjml>\n")
    found = brief(check(world, text))
    assert {
        ("defs.yaml", 4, "CAMPAIGN-VALUE"),
        ("defs.yaml", 7, "CAMPAIGN-VALUE"),
        ("defs.yaml", 8, "CAMPAIGN-KEY"),
    } <= set(found)
    assert any(name == "template.mjml" and line for name, line, _ in found)


def test_a_field_that_no_contact_has_is_found_in_the_template(world: World) -> None:
    path = world.campaign / "template.mjml"
    path.write_text(path.read_text().replace("contact.city", "contact.town"))
    (problem,) = check(world)
    assert (Path(problem.path).name, problem.line, problem.id) == ("template.mjml", 2, "TEMPLATE-FIELD")
    assert "'town'" in problem.message


def test_a_field_that_is_not_declared_is_found(world: World) -> None:
    (problem,) = check(world, HEAD + AUDIENCE + "  fields: [city]\n")
    assert problem.message == "the template uses contact.first_name, which fields: does not list."


def test_one_broken_campaign_does_not_hide_another(world: World) -> None:
    other = world.campaign.parent / "broken"
    other.mkdir()
    (other / "defs.yaml").write_text("{")
    problems = check_campaigns(world.campaign.parent, segments=None, profiles={"shop": 24.0})
    assert problems
    assert all("/broken" in problem.path for problem in problems)


def test_a_file_that_is_no_text_is_reported(world: World) -> None:
    (world.campaign / "defs.yaml").write_bytes(b"\xff\xfe")
    assert brief(check(world)) == [("defs.yaml", 0, "FILE")]
    (world.campaign / "defs.yaml").unlink()
    assert brief(check(world)) == [("defs.yaml", 0, "FILE")]


@pytest.mark.parametrize(
    ("schedule", "cron"),
    [
        ({"at": "2026-11-03T09:00:00Z"}, "0 9 3 11 *"),
        ({"at": "2026-11-03T09:00:00+01:00"}, "0 8 3 11 *"),
        ({"at": "2026-11-03T23:30:00Z", "timezone": "Europe/Berlin"}, "30 0 4 11 *"),
        ({"cron": "15 7 * * MON"}, "15 7 * * MON"),
    ],
)
def test_a_schedule_is_a_cron_line(schedule: dict, cron: str) -> None:
    assert Schedule.model_validate(schedule).as_cron() == cron


def test_a_single_time_is_due_in_its_own_year_only() -> None:
    schedule = Schedule.model_validate({"at": "2026-11-03T09:00:00Z"})
    assert schedule.is_due(datetime(2026, 11, 3, 9, 0, 30, tzinfo=UTC))
    assert not schedule.is_due(datetime(2027, 11, 3, 9, 0, tzinfo=UTC))
    assert Schedule.model_validate({"cron": "0 9 * * 2"}).is_due(datetime(2027, 1, 1, tzinfo=UTC))


def test_a_schedule_has_one_kind_of_time() -> None:
    with pytest.raises(ValidationError, match="either at or cron"):
        Schedule.model_validate({})
    with pytest.raises(ValidationError, match="either at or cron"):
        Schedule.model_validate({"at": "2026-11-03T09:00:00Z", "cron": "0 9 * * 2"})


def test_automatic_approval_needs_a_schedule() -> None:
    with pytest.raises(ValidationError, match="needs a schedule"):
        define(approval="automatic", at_most=5)


def test_every_field_is_described() -> None:
    def walk(schema: dict) -> None:
        for name, attribute in schema.get("properties", {}).items():
            assert attribute.get("description"), name

    schema = CampaignDefinition.model_json_schema()
    walk(schema)
    for part in schema["$defs"].values():
        walk(part)
