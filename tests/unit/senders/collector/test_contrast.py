from dataclasses import fields, replace

import pytest

from senders.collector.contrast import contrast, faults
from senders.page_config import DARK, LIGHT


def test_black_on_white_is_twenty_one_and_a_colour_on_itself_one() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#777777") == 1
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)  # WCAG's own example of just enough


@pytest.mark.parametrize("palette", [LIGHT, DARK])
def test_our_colours_can_be_read(palette) -> None:
    assert faults(palette) == []
    assert contrast(palette.ink, palette.card) >= 7


def test_what_is_too_close_is_named_with_its_figures() -> None:
    (told,) = faults(replace(LIGHT, act_ink="#99c9c4"))
    assert told == "act_ink #99c9c4 on act #0f766e has a contrast of 3.0, it needs 4.5"
    for name in (one.name for one in fields(LIGHT) if one.name not in {"line", "card", "ground"}):
        lower = LIGHT.act if name == "act_ink" else LIGHT.card
        assert any(name in told for told in faults(replace(LIGHT, **{name: lower}))), name
