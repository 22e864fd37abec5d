import re

import pytest
from selectolax.lexbor import LexborHTMLParser

from senders.rendering.harmless import ATTRIBUTES, ELEMENTS, harmless_css, harmless_html
from tests.fixtures.corpora import needs_corpora, xss_strings

FRAME = {"html", "head", "body", "meta", "title", "style"}
SAFE = ATTRIBUTES | {"href", "src", "charset", "name", "content", "media"}
FETCHES = re.compile(r"url\s*\(|image-set\s*\(|@import|expression\s*\(|-moz-binding\s*:|\\", re.IGNORECASE)


def clean(source: str) -> str:
    return harmless_html(source, lambda href: "#", lambda image: {"src": "data:image/svg+xml,", "alt": "x"})


def assert_harmless(document: str) -> None:
    tree = LexborHTMLParser(document)
    for node in tree.root.traverse():
        if node.is_comment_node:
            raise AssertionError(node.html)
        assert node.tag in ELEMENTS | FRAME, node.html
        given = node.attributes
        assert set(given) <= SAFE, node.html
        assert given.get("href", "#") == "#"
        assert given.get("src", "data:image/svg+xml,") == "data:image/svg+xml,"
        assert not FETCHES.search(given.get("style") or "")
        assert "http-equiv" not in given
    for style in tree.css("style"):
        assert not FETCHES.search(style.text())


def test_what_mails_are_made_of_stays_as_it_is() -> None:
    mail = (
        '<html lang="de" dir="ltr"><head><title>A &amp; B</title><style media="screen">td > p{color:red}</style></head>'
        '<body style="margin:0" bgcolor="#fff"><table width="100%" cellpadding="0" role="presentation"><tbody><tr>'
        '<td align="left" style="padding:8px">Zoë &lt;3 &amp; co<br></td></tr></tbody></table></body></html>'
    )
    assert clean(mail) == mail.replace("<html", "<!doctype html><html").replace(
        "<head>",
        '<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">',
    )


@pytest.mark.parametrize(
    "source",
    [
        "<script>alert(1)</script>",
        "<p onclick=alert(1) onmouseover='x'>p</p>",
        "<form action=//evil.example><input name=a><button formaction=x>b</button><select><option>c</select></form>",
        '<meta http-equiv="refresh" content="0;url=//evil.example"><base href="//evil.example"><link rel=icon href=x>',
        "<iframe srcdoc='<script>x</script>'></iframe><object data=x><embed src=x></object>",
        "<svg onload=alert(1)><a xlink:href='javascript:x'>a</a></svg><math><mtext><script>x</script></mtext></math>",
        "<a href='javascript:alert(1)' ping=//evil.example target=_blank>a</a><map><area href=x></map>",
        "<img src=//evil.example/x.png srcset='y 2x' onerror=x><picture><source srcset=z><img src=x></picture>",
        "<table background=//evil.example/b.png><tr><td style='background:url(//evil.example/c.png)'>x</table>",
        "<style>@import '//evil.example/x.css';a{background:url(//evil.example)}</style>",
        "<style>a{background:u\\72l(//evil.example);b:-webkit-image-set('//evil.example' 1x)}</style>",
        "<style>a{}<!--</style><script>alert(1)</script>-->",
        "<noscript><p title='</noscript><img src=x onerror=alert(1)>'></noscript>",
        "<template><script>x</script></template><textarea><img src=x onerror=x></textarea><xmp><script>x</xmp>",
        "<!--[if mso]><script>x</script><![endif]--><!--[if !mso]><!--><p>seen</p><!--<![endif]-->",
        "<title></title><script>alert(1)</script>",
        "<body onload=alert(1) background=//evil.example>",
        "<math><mi//xlink:href='data:x,<script>alert(1)</script>'>",
        "<frameset><frame src=x></frameset>",
        "<plaintext><script>",
    ],
)  # fmt: skip
def test_nothing_runs_fetches_or_leads_away(source: str) -> None:
    assert_harmless(clean(source))


def test_the_text_of_unknown_elements_stays_and_that_of_dropped_ones_goes() -> None:
    document = clean("<form><label>Your <x-name>name</x-name></label></form><script>gone</script><svg><text>gone</svg>")
    assert "Your name" in document
    assert "gone" not in document


def test_a_deep_mail_is_no_trouble() -> None:
    depth = 20_000
    assert clean("<div>" * depth + "x").count("</div>") == depth


@pytest.mark.parametrize(
    ("css", "harmless"),
    [
        ("color:red;padding:0 4px", "color:red;padding:0 4px"),
        ("background:#fff url('https://evil.example/a.png') no-repeat", "background:#fff none no-repeat"),
        ("background-image:URL( a.png )", "background-image:none"),
        ("background:url(a.png", "background:none"),
        ("background:u\\72l(x)", "background:u72l(x)"),
        ("background:u/**/rl(x)", "background:u rl(x)"),
        ("background:\\75\\72\\6c(x)", "background:75726c(x)"),
        ("a{}</style><script>", "a{}/style>script>"),
        ("@im@import;port 'x'", "@im@removed;port 'x'"),
        ("behavior:url(x.htc)", "removed:none"),
        ("width:expression(alert(1))", "width:removed(alert(1))"),
        ("color:red/* never closed", "color:red "),
    ],
)
def test_styles_name_no_address(css: str, harmless: str) -> None:
    assert harmless_css(css) == harmless


@needs_corpora
def test_no_string_of_the_corpus_leaves_anything_that_runs() -> None:
    strings = xss_strings()
    assert len(strings) > 1000
    for text in strings:
        assert_harmless(clean(text))
        assert_harmless(clean(f"<p style='{text}' title=\"{text}\">{text}</p><style>{text}</style>"))
    assert_harmless(clean("\n".join(strings)))
