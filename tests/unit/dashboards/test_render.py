import base64
import gzip
import hashlib

from plotly.offline import get_plotlyjs
from selectolax.lexbor import LexborHTMLParser as HTMLParser

from dashboards.render import render_page
from dashboards.theme import blank_figure


def test_a_template_is_rendered_with_everything_inside(tmp_path, monkeypatch):
    monkeypatch.setattr("dashboards.render.TEMPLATES", _templates(tmp_path))
    for cached in ("_environment", "_style", "_file"):
        monkeypatch.setattr(f"dashboards.render.{cached}", getattr(_render(), cached).__wrapped__)
    figure = blank_figure("light", 100, title="</script><script>alert(1)</script>")
    page = HTMLParser(render_page("x.html", {"one": {"light": figure}}, name="<b>"))
    assert page.css_first("p").text() == "<b> 100"
    assert "</script>" not in page.css_first("#figures").html[:-9]
    packed = base64.b64decode(page.css_first("#plotly").text())
    script = gzip.decompress(packed).decode()
    assert script == get_plotlyjs().replace("\r\n", "\n")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"'sha256-{digest}'" in page.css_first("i").text()


def _render():
    import dashboards.render

    return dashboards.render


def _templates(folder):
    (folder / "fonts").mkdir()
    (folder / "fonts" / "inter-latin.woff2").write_bytes(b"font")
    (folder / "report.css").write_text("url(inter-latin.woff2)")
    (folder / "report.js").write_text("'use strict'")
    (folder / "x.html").write_text(
        "<i>{{ policy }}</i><p>{{ name }} {{ charts.one.layout.height }}</p><style>{{ style }}</style>"
        "<script id=figures type=application/json>{{ figures }}</script>"
        "<script id=plotly type=text/plain>{{ plotly }}</script>"
    )
    return folder
