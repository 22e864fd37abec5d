import re

import duckdb
import polars as pl
import pytest
from selectolax.lexbor import LexborHTMLParser

from dashboards.clickmap import BADGES, DROPPED, SLATE, click_map, read_specimen
from tests.fixtures.corpora import needs_corpora, xss_strings

MAIL = (
    '<html lang="de"><head><style>:root{color-scheme:light dark}@media (prefers-color-scheme: dark){p{color:#fff}}'
    '</style></head><body style="margin:9px" class="ground"><p><a href="#link-1">Words</a></p><table><tbody><tr><td>'
    '<a href="#link-2" style="display:inline-block;padding:8px">Button</a></td><td><a class="x" href="#link-3">'
    '<img src="data:image/svg+xml,%3Csvg%3E" alt="Hero" style="display:block;width:100%"></a></td></tr></tbody></table>'
    '<a href="#link-4"><img src="data:image/svg+xml," alt="Icon"></a><a href="#link-5">Leave</a><a href="#">Mail</a>'
    "</body></html>"
)
FETCHES = re.compile(r"url\s*\(|image-set\s*\(|@import|\\", re.IGNORECASE)


def frame(*clicks: int, roles: dict[int, str] | None = None) -> pl.DataFrame:
    total, most = sum(clicks), max(clicks, default=0)
    return pl.DataFrame(
        [
            {
                "link_no": number,
                "label": f"Link {number}",
                "url": "https://shop.example/",
                "role": (roles or {}).get(number, "content"),
                "unique_clicks": clicked,
                "share": clicked / total if total else None,
                "of_largest": clicked / most if most else None,
            }
            for number, clicked in enumerate(clicks, start=1)
        ]
    )


def rules(document: str, link_no: int) -> str:
    """Return the declarations that are about one link."""
    return " ".join(re.findall(re.escape(f'a[href="#link-{link_no}"]') + r"(?:::after)?\{(.*?)\}", document))


def assert_inert(document: str) -> None:
    tree = LexborHTMLParser(document)
    metas = [meta.attributes for meta in tree.css("meta")]
    assert [meta["content"] for meta in metas if "http-equiv" in meta] == [
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
    ]
    assert not [node.html for node in tree.css(DROPPED) if node.tag not in {"meta", "title", "style"}]
    for node in tree.root.traverse():
        for name, value in node.attributes.items() if node.is_element_node else ():
            assert not name.startswith("on"), node.html
            assert name not in {"srcset", "background", "action", "formaction", "srcdoc", "ping"}, node.html
            assert name != "href" or re.fullmatch(r"#(link-\d+)?", value or ""), node.html
            assert name != "src" or (value or "").startswith("data:image/"), node.html
            assert name != "style" or not FETCHES.search(value or ""), node.html
    assert not [style.text() for style in tree.css("style") if FETCHES.search(style.text())]


def test_each_link_has_its_share_and_the_warmest_its_glow() -> None:
    document = click_map(MAIL, frame(10, 60, 25, 5, 0))
    assert 'content:"60.0%"' in rules(document, 2)
    assert "outline:2px solid #e11d48" in rules(document, 2)
    assert BADGES[-1][1] in rules(document, 2)
    assert 'content:"10.0%"' in rules(document, 1)
    assert BADGES[0][1] in rules(document, 1)
    assert 'content:"5.0%"' in rules(document, 4)
    assert SLATE in rules(document, 4)
    order = [int(re.search(r"z-index:(\d+)", rules(document, number))[1]) for number in (2, 3, 1, 4)]
    assert order == sorted(order, reverse=True)


def test_a_link_that_nobody_clicked_shows_a_zero_and_no_glow() -> None:
    document = click_map(MAIL, frame(1, 0))
    assert rules(document, 2) == 'content:"0"'
    assert "1px dashed #94a3b8" in document


def test_ways_out_are_counted_apart_so_their_zero_is_not_said() -> None:
    roles = {4: "view", 5: "unsubscribe"}
    document = click_map(MAIL, frame(1, 0, 0, 0, 0, roles=roles))
    assert (rules(document, 4), rules(document, 5)) == ("", "")
    assert 'content:"50.0%"' in rules(click_map(MAIL, frame(1, 0, 0, 0, 1, roles=roles)), 5)


@pytest.mark.parametrize("clicks", [(), (0, 0, 0)])
def test_without_clicks_the_mail_is_still_shown(clicks: tuple[int, ...]) -> None:
    document = click_map(MAIL, frame(*clicks) if clicks else frame(1).clear())
    assert "Words" in document
    assert "outline:2px" not in document


def test_a_tiny_share_is_not_called_nothing() -> None:
    assert 'content:"under 0.1%"' in rules(click_map(MAIL, frame(1, 99_999)), 1)


def test_words_buttons_and_pictures_are_outlined_as_what_they_are() -> None:
    links = LexborHTMLParser(click_map(MAIL, frame(1))).css('a[href^="#link-"]')
    assert [(link.attributes["class"] or "").split()[-1] for link in links] == [
        "clickmap-words",
        "clickmap-box",
        "clickmap-block",
        "clickmap-inset",
        "clickmap-words",
    ]
    assert (links[2].attributes["class"] or "").split()[0] == "x"
    assert {link.attributes["tabindex"] for link in links} == {"-1"}


def test_the_document_is_light_without_script_and_keeps_the_mail() -> None:
    document = click_map(MAIL, frame(1, 2, 3, 4, 5))
    tree = LexborHTMLParser(document)
    assert tree.css_first("meta[name=color-scheme]").attributes["content"] == "light"
    assert "prefers-color-scheme" not in document
    assert tree.root.attributes["lang"] == "de"
    assert tree.body.attributes == {"style": "margin:9px", "class": "ground"}
    assert [image.attributes["alt"] for image in tree.css("img")] == ["Hero", "Icon"]
    assert "pointer-events:none" in document
    assert_inert(document)


@pytest.mark.parametrize(
    "html",
    [
        "",
        "<script>alert(1)</script>",
        "<body onload=alert(1)><img src=//evil.example/x onerror=alert(2) srcset=y><svg onload=x><script>y</script>",
        "<a href='javascript:alert(1)'>a</a><a href='#link-1' onclick=x ping=y target=_top>b</a>",
        "<style>@import '//evil.example';a{background:u\\72l(//evil.example)}</style><p style='background:url(//x)'>",
        "<style>a{}<!--</style><script>alert(1)</script>-->",
        "<meta http-equiv=refresh content='0;url=//x'><base href=//x><form action=//x><button formaction=//x>b</form>",
        "<noscript><p title='</noscript><img src=x onerror=alert(1)>'></noscript><frameset><frame src=x>",
        "<html lang='\"><script>alert(1)</script>'><style media='\"><script>x</script>'>a{}</style>",
        "<svg><svg><script>x</script></svg></svg><template><template><img src=x></template></template>",
    ],
)
def test_a_stored_string_runs_nothing_and_fetches_nothing(html: str) -> None:
    assert_inert(click_map(html, frame(1)))


@needs_corpora
def test_no_string_of_the_corpus_runs_as_mail_as_label_or_as_address() -> None:
    strings = xss_strings()
    links = pl.concat([frame(3, 1).with_columns(label=pl.lit(one), url=pl.lit(one)) for one in strings[:50]])
    for text in strings:
        assert_inert(click_map(f"{text}<p style='{text}'><a href=\"#link-1\" title='{text}'>{text}</a>", frame(1)))
    assert_inert(click_map(MAIL + "\n".join(strings), links))
    assert click_map(MAIL, frame(3, 1).with_columns(label=pl.lit(strings[0]))) == click_map(MAIL, frame(3, 1))


def test_a_specimen_is_read_by_its_send() -> None:
    connection = duckdb.connect()
    assert read_specimen(connection, "a") is None  # a published copy of an earlier version
    connection.execute("create schema marts")
    connection.execute("create table marts.rpt_send_specimen (send_no bigint, send_id text, subject text, html text)")
    connection.execute("insert into marts.rpt_send_specimen values (1, 'a', 'News', '<p>x'), (2, 'b', null, '<p>y')")
    assert read_specimen(connection, "b") == "<p>y"
    assert connection.sql("select 1").fetchall() == [(1,)]  # the connection is free again
    assert read_specimen(connection, "c") is None
