import re

import pytest

from senders.rendering.frames import frame_html, loads_pictures

MAIL = """<!doctype html><html lang="en"><head><title>T</title>
<meta name="color-scheme" content="light dark"/><meta name="supported-color-schemes" content="light dark"/>
<style>:root{color-scheme:light dark}
@media (prefers-color-scheme: dark) { p { color: #fff } }
@media screen and (prefers-color-scheme:light) { p { color: #000 } }
@media (max-width:480px) { p { color: red } }
.x { background: url("https://shop.example/a.png") }</style></head>
<body background="https://shop.example/b.png"><p style="background:url('https://shop.example/c.png')">Hello</p>
<img src="https://shop.example/d.jpg" srcset="https://shop.example/e.jpg 2x" alt="Boots &gt; shoes" width="300"/>
<a href="https://shop.example/">Shop</a><img alt="" src="data:image/gif;base64,AAAA"></body></html>"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_loaded(scheme):
    frame = frame_html(MAIL, scheme)
    assert not re.findall(r"https?://(?!www\.w3\.org)[^\"' )]*\.(?:png|jpg)", frame)
    assert "srcset" not in frame
    assert "data:image/gif;base64,AAAA" in frame
    assert "default-src 'none'" in frame


def test_dark_styles_hold_in_the_dark_frame_only():
    dark, light = frame_html(MAIL, "dark"), frame_html(MAIL, "light")
    assert "@media (min-width:0px) { p { color: #fff } }" in dark
    assert "@media screen and (max-width:0px) { p { color: #000 } }" in dark
    assert "@media (max-width:0px) { p { color: #fff } }" in light
    assert "@media screen and (min-width:0px) { p { color: #000 } }" in light
    assert "(max-width:480px)" in dark
    for scheme, frame in (("dark", dark), ("light", light)):
        assert "prefers-color-scheme" not in frame
        assert re.findall(r'name="color-scheme" content="([^"]*)"', frame) == [scheme]
        assert f":root{{color-scheme:{scheme}!important}}</style></head>" in frame


def test_a_picture_becomes_a_field_with_its_description():
    frame = frame_html(MAIL, "light")
    assert "Boots%20" in frame or "Boots " in frame
    assert "width='300'" in frame.replace("%27", "'")


def test_links_open_elsewhere_which_a_sandbox_refuses():
    frame = frame_html(MAIL, "light")
    assert frame.index('<base target="_blank">') < frame.index("<title>")
    assert 'href="https://shop.example/"' in frame


def test_says_whether_there_are_pictures():
    assert loads_pictures(MAIL)
    assert loads_pictures("<p style=\"background:url('https://x.example/a.png')\">")
    assert not loads_pictures("<p>img src</p>")
