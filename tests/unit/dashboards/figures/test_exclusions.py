from dashboards.figures.exclusions import exclusions_waterfall


def test_the_waterfall_runs_from_the_segments_to_the_audience(frames):
    figure = exclusions_waterfall(frames.exclusions, included=21004, audience=18240)
    (steps,) = figure.data
    assert list(steps.measure) == ["absolute", *["relative"] * 6, "total"]
    assert sum(list(steps.x)[:-1]) == steps.x[-1] == 18240
    assert steps.y[1] == "No consent"
    assert steps.text[1] == "−1,520"
    assert figure.layout.xaxis.title.text == "contacts"


def test_nobody_left_out(frames):
    (steps,) = exclusions_waterfall(frames.exclusions.clear(), included=5, audience=5, mode="dark").data
    assert list(steps.x) == [5, 5]
