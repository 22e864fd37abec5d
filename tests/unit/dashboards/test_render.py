import base64
import gzip
import hashlib
import json

from dash import dcc, html
from plotly.offline import get_plotlyjs
from selectolax.lexbor import LexborHTMLParser as HTMLParser

from dashboards.elements import chart
from dashboards.render import charts_in, render_file, write_html
from dashboards.theme import blank_figure

HOSTILE = "</script><script>alert(1)</script>"


def test_a_file_holds_everything_it_needs():
    pages = {
        mode: html.Main([html.P("<b>"), chart("one", blank_figure(mode, 100, title=HOSTILE), "a chart")])
        for mode in ("light", "dark")
    }
    source = render_file(pages, title="<i>")
    page = HTMLParser(source)
    assert page.css_first("title").text() == "<i>"
    assert page.css_first("main p").text() == "<b>"
    assert page.css_first("#chart-one").attributes["style"] == "height:100px"
    figures = json.loads(page.css_first("#figures").text())
    assert {mode: figures["chart-one"][mode]["layout"]["title"]["text"] for mode in figures["chart-one"]} == {
        "light": HOSTILE,
        "dark": HOSTILE,
    }
    assert "</script>" not in page.css_first("#figures").html[:-9]
    script = gzip.decompress(base64.b64decode(page.css_first("#plotly").text())).decode()
    assert script == get_plotlyjs().replace("\r\n", "\n")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = page.css_first("meta[http-equiv=Content-Security-Policy]").attributes["content"]
    assert f"'sha256-{digest}'" in policy


def test_components_become_tags_and_text_stays_text():
    part = html.Div(
        ["a < b", None, 3, [html.Br(), html.Label("x", htmlFor="y")]],
        className='"><script>',
        tabIndex=0,
        style={"fontSize": "12px", "WebkitMaskImage": "none"},
        hidden=False,
        **{"aria-label": "it's"},
    )
    written = write_html(part)
    assert written.startswith('<div class="&quot;&gt;&lt;script&gt;" ')
    assert 'style="font-size:12px;-webkit-mask-image:none"' in written
    assert 'tabindex="0"' in written
    assert "hidden" not in written
    assert 'aria-label="it&#x27;s"' in written
    assert written.endswith('>a &lt; b3<br><label for="y">x</label></div>')


def test_charts_are_found_wherever_they_stand():
    figure = blank_figure("light", 100)
    page = html.Div([html.P([chart("a", figure, "a")]), [dcc.Graph(id="b", figure=figure)], "text", None])
    assert [name for name, _ in charts_in(page)] == ["chart-a", "b"]
