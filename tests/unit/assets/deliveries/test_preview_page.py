import importlib.util
import json
import re
import stat
from pathlib import Path

import pytest
from selectolax.lexbor import LexborHTMLParser

from assets.deliveries.preview_page import preview_page, write_preview
from assets.deliveries.previewing import preview_campaign
from tests.fixtures.audiences import World

CHROMIUM = Path("/usr/bin/chromium")
XSS = '"><img src=x onerror=alert(1)><script>alert(2)</script>'


@pytest.fixture
def hostile(tmp_path: Path) -> World:
    """A shop whose people and names try to break out."""
    world = World(tmp_path)
    world.write_defs((world.campaign / "defs.yaml").read_text().replace("Spring sale", json.dumps(XSS)))
    (world.campaign / "subject.txt.j2").write_text("For {{ contact.first_name }}")
    path = world.campaign / "template.mjml"
    picture = '<mj-image src="https://shop.example/a.png" alt="Boots" />'
    dark = (
        "<mj-raw><meta name='color-scheme' content='light dark' /></mj-raw>"
        "<mj-style>p { color: rgb(1, 2, 3); } @media (prefers-color-scheme: dark) { p { color: rgb(7, 8, 9); } }"
        "</mj-style><mj-preview>Only for {{ contact.first_name }}</mj-preview>"
    )
    text = path.read_text().replace("<mj-button", f"{picture}<mj-button").replace("</mj-title>", f"</mj-title>{dark}")
    path.write_text(text.replace("Hello", "<p>words</p>Hello"))
    for number in range(3):
        world.add(f"p{number}@mail.example", first_name=f"{XSS}{number}", city=XSS)
    world.publish()
    return world


def page_of(world: World, **asked) -> str:
    return preview_page(preview_campaign(world.mailrail, "spring_sale", **asked))


def test_each_recipient_has_four_frames_and_a_text(hostile: World) -> None:
    page = page_of(hostile)
    assert len(re.findall(r'<iframe sandbox=""', page)) == 3 * 4 == page.count("<iframe")
    assert page.count("<pre>") == 3
    assert page.count('type="radio" name="who"') == 3
    for index in range(3):
        assert f"#r{index}:checked~* .m{index}{{display:block}}" in page


def test_nothing_runs_and_nobody_is_asked(hostile: World) -> None:
    page = page_of(hostile)
    tree = LexborHTMLParser(page)
    assert not tree.css("script, img, link, object, embed, form")
    assert not [node for node in tree.css("*") if any(name.startswith("on") for name in node.attributes)]
    policy = tree.css_first("meta[http-equiv]").attributes["content"]
    assert policy.startswith("default-src 'none';")
    assert "script" not in policy
    frames = [node.attributes for node in tree.css("iframe")]
    assert {frame["sandbox"] for frame in frames} == {""}
    for frame in frames:
        inside = LexborHTMLParser(frame["srcdoc"])
        assert not inside.css("script, link")
        assert all((image.attributes["src"] or "").startswith("data:") for image in inside.css("img"))


def test_addresses_are_masked_and_a_preheader_is_shown(hostile: World) -> None:
    page = page_of(hostile)
    assert "p0@mail.example" not in page
    assert "p•••@mail.example" in page
    assert "Only for &#34;&gt;&lt;img" in page


def test_says_who_the_people_are(hostile: World) -> None:
    assert "real recipients" in page_of(hostile)
    samples = page_of(hostile, samples=True)
    assert "These people do not exist." in samples
    assert "an ordinary contact" in samples


def test_the_file_is_for_its_owner_only(hostile: World, tmp_path: Path) -> None:
    shown = preview_campaign(hostile.mailrail, "spring_sale")
    path = write_preview(shown, tmp_path / "previews")
    assert path == tmp_path / "previews" / "spring_sale.html"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text(encoding="utf-8") == preview_page(shown)


@pytest.mark.slow
@pytest.mark.skipif(
    not CHROMIUM.exists() or importlib.util.find_spec("playwright") is None, reason="needs chromium and playwright"
)
@pytest.mark.parametrize("width", [390, 900, 1440])
def test_a_browser_shows_it_without_script_request_or_complaint(hostile: World, tmp_path: Path, width: int) -> None:
    sync_api = importlib.import_module("playwright.sync_api")
    path = write_preview(preview_campaign(hostile.mailrail, "spring_sale"), tmp_path / "previews")
    complaints: list[str] = []
    requests: list[str] = []
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu", "--disable-quic"]
        )
        page = browser.new_page(viewport={"width": width, "height": 900})
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(dialog.message))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(path.as_uri())
        colours = {}
        for view in ("light", "dark", "text"):
            page.click(f"label[for=v-{view}]")
            page.click("label[for=r1]")
            assert page.locator(".mail:visible").count() == 1
            assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
            if view != "text":
                frame = page.frame_locator(f".m1 .stage.{view} .phone iframe")
                colours[view] = frame.locator("p").first.evaluate("node => getComputedStyle(node).color")
                assert frame.locator("body").evaluate("() => innerWidth") <= 375
        browser.close()
    assert colours == {"light": "rgb(1, 2, 3)", "dark": "rgb(7, 8, 9)"}
    assert not complaints
    assert [url for url in requests if not url.startswith(("file:", "data:", "about:"))] == []
