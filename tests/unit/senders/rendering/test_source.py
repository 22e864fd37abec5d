"""Sources: every character still knows where it was written."""

from senders.rendering.source import Edit, Source


def test_places_in_one_file() -> None:
    source = Source.read("a.mjml", "one\ntwo\r\nthree")
    place = source.place(source.text.index("three") + 2)
    assert (place.path, place.line, place.column) == ("a.mjml", 3, 3)


def test_a_spliced_source_keeps_both_origins() -> None:
    inner = Source.read("b.mjml", "x\ny")
    outer = Source.read("a.mjml", "1\n@\n3").replace([Edit(2, 3, inner)])
    assert outer.text == "1\nx\ny\n3"
    assert (outer.place(4).path, outer.place(4).line) == ("b.mjml", 2)
    assert (outer.place(6).path, outer.place(6).line) == ("a.mjml", 3)


def test_replaced_text_has_the_place_of_what_it_replaced() -> None:
    source = Source.read("a.mjml", "1\nab{{ x }}c").replace([Edit(4, 11, "long value")])
    assert source.text == "1\nablong valuec"
    assert (source.place(8).line, source.place(8).column) == (2, 3)
    assert source.place(source.text.index("c")).column == 10
    again = source.replace([Edit(0, 1, "")])
    assert again.place(again.text.index("c")).column == 10


def test_lines_are_found_by_their_first_word() -> None:
    source = Source.read("a.mjml", "1\n   word")
    assert (source.place_of_line(2).line, source.place_of_line(2).column) == (2, 4)


def test_an_emptied_source_still_has_a_place() -> None:
    assert Source.read("a.mjml", "abc").replace([Edit(0, 3, "")]).place(0).path == "a.mjml"
