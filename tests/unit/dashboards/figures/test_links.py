import polars as pl

from dashboards.figures.links import MOST, clicks_by_link


def test_people_and_machines_side_by_side(frames):
    figure = clicks_by_link(frames.links)
    people, machines = figure.data
    assert (people.name, machines.name) == ("People", "Machines")
    assert list(people.x) == frames.links["clicks"].to_list()
    assert list(machines.x) == frames.links["machine_clicks"].to_list()
    assert figure.layout.yaxis.ticktext[0] == "Shop the sale"
    assert figure.layout.xaxis.title.text == "clicks"


def test_links_with_the_same_words_stay_apart():
    links = pl.DataFrame(
        {"link_no": range(1, 21), "label": ["Buy"] * 20, "clicks": [1] * 20, "machine_clicks": [0] * 20}
    )
    figure = clicks_by_link(links, mode="dark")
    assert len(set(figure.data[0].y)) == MOST
    assert set(figure.layout.yaxis.ticktext) == {"Buy"}


def test_labels_cannot_bring_markup(frames):
    links = frames.links.with_columns(label=pl.lit("<a href='x'>b"))
    assert clicks_by_link(links).layout.yaxis.ticktext[0] == "&lt;a href='x'&gt;b"
