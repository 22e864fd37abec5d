from selectolax.lexbor import LexborHTMLParser as HTMLParser

from dashboards.elements import Column, badge, bar, card, chart, facts, named, page_head, row, table, tiles
from dashboards.kpis import Kpi
from dashboards.render import write_html
from dashboards.theme import blank_figure


def shown(part):
    return HTMLParser(write_html(part))


def test_a_table_with_its_heads_and_foot():
    columns = [Column("Name"), Column("Number", "n", sort="descending"), Column("", "wide", "Share as a bar")]
    page = shown(table(columns, [("a", "1", bar(0.5)), ("b", "2", bar(None))], foot=[("all", "3", "")]))
    heads = page.css("th")
    assert [head.attributes["scope"] for head in heads] == ["col"] * 3
    assert [head.attributes.get("aria-sort") for head in heads] == [None, "descending", None]
    assert heads[2].attributes["aria-label"] == "Share as a bar"
    assert [cell.text() for cell in page.css("tbody tr:first-child td")] == ["a", "1", ""]
    assert [i.attributes["style"] for i in page.css(".bar i")] == ["width:50.00%", "width:0.00%"]
    assert page.css_first("tfoot").text() == "all3"
    scroll = page.css_first(".scroll")
    assert (scroll.attributes["tabindex"], scroll.attributes["aria-label"]) == ("0", "Table")
    assert not page.css("table.broad")


def test_a_table_with_many_columns_keeps_its_width():
    assert shown(table([Column(str(number)) for number in range(4)], [])).css("table.broad")


def test_a_chart_is_told_in_words():
    page = shown(chart("daily", blank_figure("light", 120), "Messages by day"))
    figure = page.css_first("figure")
    assert (figure.attributes["role"], figure.attributes["aria-label"]) == ("img", "Messages by day")
    assert page.css_first("#chart-daily")


def test_cards_and_rows():
    page = shown(row(card("Title", "What it shows.", "body", width=7, beside=badge("fine", "good")), None))
    assert page.css_first(".row > .card.c7 > h2").text() == "Titlefine"
    assert page.css_first("h2 + p.sub").text() == "What it shows."
    assert page.css_first(".badge.good")


def test_the_head_of_a_page_leaves_out_what_is_not_there():
    page = shown(page_head("Where", "Name", None, None, badge("one")))
    assert page.css_first("h1").text() == "Name"
    assert len(page.css(".badge")) == 1
    assert not page.css(".facts")


def test_plain_values_of_facts_are_code_and_names_have_a_line_below():
    page = shown(facts([("Hash", "a1"), ("Since", ["yesterday"])]))
    assert [value.attributes.get("class") for value in page.css("dd")] == ["mono", None]
    assert shown(named("a", "b")).css_first(".under").text() == "b"
    assert named("a") == "a"


def kpi(**changed):
    told = {"label": "Rate", "value": "50%", "fraction": "1 of 2", "definition": "a / b", "filled": 0.5, "trend": ()}
    return Kpi(**{**told, **changed})


def test_tiles_show_a_line_a_bar_or_neither():
    rising = {"change": "1 pt", "rises": True, "tone": "good"}
    page = shown(
        tiles([kpi(**rising), kpi(trend=(1.0, 2.0, 3.0)), kpi(filled=None), kpi(change="0 pt")], "Figures", "vs before")
    )
    first, second, third, fourth = page.css(".tile")
    assert first.css_first(".meter i").attributes["style"] == "width:50.00%"
    assert first.css_first(".change").text() == "▲ 1 pt vs before"
    assert second.css_first(".spark")
    assert not second.css_first(".change")
    assert not third.css_first(".spark, .meter")
    assert fourth.css_first(".badge.same").text() == "= 0 pt"
    assert page.css_first("section").attributes["aria-label"] == "Figures"
