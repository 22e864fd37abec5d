import pytest

from senders.rendering.colours import contrast, parse_colour


@pytest.mark.parametrize(
    ("text", "colour"),
    [
        ("#fff", (255, 255, 255)),
        ("#1A2b3c", (26, 43, 60)),
        (" white ", (255, 255, 255)),
        ("rgb(1, 2, 3)", (1, 2, 3)),
        ("rgb(300 0 0)", (255, 0, 0)),
        ("#12345678", None),
        ("rgba(0,0,0,.5)", None),
        ("{{ brand.ink }}", None),
        ("peachpuff", None),
        ("", None),
    ],
)
def test_reads_what_is_opaque_and_plain(text, colour):
    assert parse_colour(text) == colour


@pytest.mark.parametrize(
    ("one", "other", "ratio"),
    [
        ((0, 0, 0), (255, 255, 255), 21.0),
        ((255, 255, 255), (255, 255, 255), 1.0),
        ((0x6B, 0x72, 0x80), (0xF3, 0xF4, 0xF6), 4.39),
        ((0x77, 0x77, 0x77), (255, 255, 255), 4.48),
    ],
)
def test_contrast_is_that_of_wcag_in_either_order(one, other, ratio):
    assert contrast(one, other) == pytest.approx(ratio, abs=0.005)
    assert contrast(other, one) == contrast(one, other)
