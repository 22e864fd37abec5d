import pytest

from dashboards.figures.engagement import engagement_over_time
from dashboards.theme import PALETTES


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_machines_stand_apart_from_people(frames, mode):
    figure = engagement_over_time(frames.hourly, mode=mode)
    every, opens, clicks, left = figure.data
    assert [trace.name for trace in figure.data] == ["All opens", "People's opens", "People's clicks", "Unsubscribes"]
    assert (every.line.dash, every.fill) == ("dot", None)
    assert (opens.fill, opens.line.color) == ("tozeroy", PALETTES[mode].people)
    assert list(every.y) == frames.hourly["all_opens"].to_list()
    assert list(opens.y) == frames.hourly["opens"].to_list()
    assert list(clicks.y) == frames.hourly["clicks"].to_list()
    assert (left.type, left.yaxis) == ("bar", "y2")


def test_axes_are_named_by_bucket_and_zone(frames):
    layout = engagement_over_time(frames.hourly).layout
    assert layout.yaxis.title.text == "per hour"
    assert layout.yaxis2.title.text == "unsubs"
    assert layout.xaxis2.title.text == "UTC"


def test_the_hours_of_sending_are_shaded(frames):
    (shape,) = engagement_over_time(frames.hourly).layout.shapes
    assert (shape.x0, shape.x1) == (frames.hourly["start"][0], frames.hourly["ends"][0])


def test_a_story_of_one_hour_is_shown_as_a_point(frames):
    assert engagement_over_time(frames.hourly.head(1)).data[1].mode == "lines+markers"


def test_nothing_to_tell(frames):
    figure = engagement_over_time(frames.hourly.clear())
    assert not figure.layout.shapes
    assert figure.layout.yaxis.title.text == "per hour"
