import pytest

from assets.audiences.fields import FIELD_COLUMNS
from assets.deliveries.drafts import read_draft, recipient_rows, sample_rows
from senders.errors import ConfigError, TokenError
from senders.rendering.samples import SAMPLES
from senders.tracking.tokens import Purpose, TokenReader
from tests.fixtures.audiences import NOW, World


def test_a_draft_is_the_campaign_as_it_stands(world: World) -> None:
    draft = read_draft(world.mailrail, "spring_sale", kind="preview")
    assert (draft.definition.title, draft.template.subject) == ("Spring sale", "News for you")
    assert (draft.context.send_id, draft.context.topic) == ("spring_sale.preview", "offers")
    assert draft.context.sent_at == NOW


def test_its_tokens_are_good_for_nothing(world: World) -> None:
    token = read_draft(world.mailrail, "spring_sale", kind="test").context.tokens.click(1, 1)
    with pytest.raises(TokenError, match="of a preview, which is no send"):
        TokenReader(world.keyring).read(token, Purpose.CLICK)


def test_an_unknown_campaign_is_answered_with_a_known_one(world: World) -> None:
    with pytest.raises(ConfigError, match="Did you mean spring_sale"):
        read_draft(world.mailrail, "spring_sael", kind="preview")


def test_rows_are_those_of_the_audience(world: World) -> None:
    draft = read_draft(world.mailrail, "spring_sale", kind="preview")
    rows = recipient_rows(world.mailrail, draft, limit=100)
    assert sorted(row["address"] for row in rows) == [f"p{number}@mail.example" for number in range(8)]
    assert [row["seq"] for row in rows] == list(range(1, 9))
    assert {"contact_id", "tracking", "variant", "first_name", "city"} <= set(rows[0])


def test_sample_contacts_have_every_field_that_a_template_may_read() -> None:
    assert set(FIELD_COLUMNS) <= set(SAMPLES[0].row(1))
    assert all(SAMPLES[0].row(1)[name] is not None for name in FIELD_COLUMNS)


def test_sample_rows_hold_what_the_template_needs(world: World) -> None:
    draft = read_draft(world.mailrail, "spring_sale", kind="preview")
    assert draft.template.required_fields == ("city",)
    assert len(sample_rows(draft, 3)) == 3
    assert all(row["city"] for row in sample_rows(draft, 100))
