import pytest

from dashboards.theme import PALETTES, blank_figure, count_axis, rgba, style_variables


def luminance(colour):
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_text_can_be_read(mode):
    palette = PALETTES[mode]
    pairs = [(palette.text, palette.card), (palette.mute, palette.card), (palette.mute, palette.page)]
    pairs += [(getattr(palette, f"{tone}_text"), getattr(palette, f"{tone}_fill")) for tone in ("good", "watch", "act")]
    pairs += [(getattr(palette, f"{tone}_text"), palette.card) for tone in ("good", "watch", "act")]
    for ink, paper in pairs:
        assert contrast(ink, paper) >= 4.5, (ink, paper)


def test_the_page_takes_its_colours_from_the_palettes():
    style = style_variables()
    assert "--people:light-dark(#0d9488,#2dd4bf)" in style
    assert "--good-fill:light-dark(" in style


def test_rgba():
    assert rgba("#0d9488", 0.5) == "rgba(13,148,136,0.5)"


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_figures_carry_their_mode(mode):
    figure = blank_figure(mode, 200)
    assert figure.layout.height == 200
    assert figure.layout.template.layout.font.color == PALETTES[mode].text


def test_axes_of_counts_name_whole_numbers():
    assert count_axis([1, 3], "clicks")["dtick"] == 1
    assert count_axis([50], "clicks")["nticks"] == 5
    assert count_axis([50_000], "clicks")["tickformat"] == ",~s"
    assert count_axis([], "clicks")["range"] == [0, 1.15]
