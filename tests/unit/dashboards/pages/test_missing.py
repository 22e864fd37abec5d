import pytest
from selectolax.lexbor import LexborHTMLParser as HTMLParser

from dashboards.pages.missing import failed_page, missing_page, old_page, unpublished_page
from dashboards.render import write_html


@pytest.mark.parametrize(
    ("page", "head", "command"),
    [
        (unpublished_page(), "Nothing is published yet", "mailrail refresh"),
        (old_page("It lacks a mart."), "The published copy is an old one", "mailrail refresh"),
        (failed_page(), "This page could not be made", "mailrail doctor"),
        (missing_page("No <b>such</b> send.", "mailrail status"), "There is no such page", "mailrail status"),
    ],
)
def test_what_is_missing_and_the_command_that_helps(page, head, command):
    shown = HTMLParser(write_html(page))
    assert shown.css_first("main h1").text() == head
    assert shown.css_first(".facts").text()
    assert shown.css_first("code").text() == command
    assert not shown.css("b")


def test_no_command_where_none_helps():
    assert not HTMLParser(write_html(missing_page("/x leads nowhere."))).css("code")
