import pytest
from dash import dcc, html

from dashboards.packing import pack

HOSTILE = "<img src=x onerror=alert(1)>"


def props(packed: object) -> dict[str, object]:
    assert isinstance(packed, dict)
    assert (packed["namespace"], packed["type"]) == ("mailrail", "Static")
    return packed["props"]


def test_a_still_part_becomes_one_component_with_its_own_tag() -> None:
    table = html.Table([html.Tr([html.Td(HOSTILE, colSpan=2)])], className="wide", **{"aria-label": "Sends"})
    assert props(pack(table)) == {
        "tag": "table",
        "given": {"className": "wide", "aria-label": "Sends"},
        "html": '<tr><td colspan="2">&lt;img src=x onerror=alert(1)&gt;</td></tr>',
    }


def test_text_stays_text() -> None:
    assert props(pack(html.P(HOSTILE)))["html"] == "&lt;img src=x onerror=alert(1)&gt;"


def test_a_chart_and_what_is_around_it_stay_alive() -> None:
    chart = dcc.Graph(id="one")
    page = html.Main([html.H1("Sends"), html.Div([chart, html.P("below")])])
    packed = pack(page)
    assert isinstance(packed, html.Main)
    head, box = packed.children
    assert props(head)["html"] == "Sends"
    assert box.children[0] is chart
    assert props(box.children[1])["html"] == "below"
    assert page.children[1].children[0] is chart  # the page itself is as it was


def test_an_input_and_a_void_element_stay_components() -> None:
    field, line = dcc.Input(name="address"), html.Br()
    packed = pack(html.Form([field, line]))
    assert packed.children == [field, line]


def test_a_link_of_dash_becomes_an_anchor_that_the_script_follows() -> None:
    link = dcc.Link("March & April", href="/campaigns/a?b=1&c=2", className="way")
    assert props(pack(html.Td(link)))["html"] == (
        '<a class="way" href="/campaigns/a?b=1&amp;c=2" data-way="">March &amp; April</a>'
    )
    assert props(pack(link))["given"] == {"href": "/campaigns/a?b=1&c=2", "className": "way", "data-way": ""}


@pytest.mark.parametrize("href", ["javascript:alert(1)", " javascript:alert(1)", "data:text/html,x"])
def test_a_strange_link_is_left_to_dash(href: str) -> None:
    for link in (html.A("x", href=href), dcc.Link("x", href=href)):
        assert pack(html.Td(link)).children is not None
        assert pack(link).href == href


def test_lists_and_plain_values_pass() -> None:
    assert pack(["a", None, 3]) == ["a", None, 3]
    assert pack(None) is None
