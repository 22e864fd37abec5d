from math import sqrt

import polars as pl
import pytest

from dashboards.figures.funnel import send_funnel


def test_bars_are_on_a_square_root_scale_that_the_axis_names(frames):
    figure = send_funnel(frames.funnel)
    back, bars = figure.data
    assert list(back.x) == [1] * 5
    assert list(bars.x)[2] == pytest.approx(sqrt(6412 / 18240))
    assert list(bars.customdata) == [18240, 17905, 6412, 1103, 184]
    assert "square-root scale" in figure.layout.xaxis.title.text


def test_labels_hold_the_numbers_and_the_share_of_the_stage_before(frames):
    texts = " ".join(note.text for note in send_funnel(frames.funnel, mode="dark").layout.annotations)
    for expected in ("Audience", "18,240", "Bought", "184", "17.2%"):
        assert expected in texts


def test_an_empty_audience_draws_empty_bars():
    stages = ["audience", "accepted"]
    funnel = pl.DataFrame({"stage": stages, "people": [0, 0], "step_rate": [None, None], "share": [None, None]})
    assert list(send_funnel(funnel).data[1].x) == [0, 0]
