from dashboards.figures.deliverability import bounce_rate_by_provider
from dashboards.theme import PALETTES


def test_rates_stand_against_the_two_lines(frames):
    figure = bounce_rate_by_provider(frames.providers, watch=0.01, act=0.02)
    (bars,) = figure.data
    assert list(bars.x) == frames.providers["bounce_rate"].to_list()
    assert [shape.x0 for shape in figure.layout.shapes] == [0.01, 0.02]
    assert [note.text for note in figure.layout.annotations] == ["watch", "act"]
    assert figure.layout.xaxis.title.text == "bounced of messages handed over"


def test_colours_follow_the_lights(frames):
    palette = PALETTES["dark"]
    (bars,) = bounce_rate_by_provider(frames.providers, watch=0.01, act=0.02, mode="dark").data
    by_domain = dict(zip(bars.y, bars.marker.color, strict=True))
    assert by_domain["comcast.net"] == palette.act
    assert by_domain["orange.fr"] == palette.machine
    assert by_domain["gmail.com"] == palette.people
