"""Names in one script pass, names that mix them do not."""

from typing import Any

import pytest

from senders.errors import TemplateError
from senders.rendering.scripts import mixed_label


@pytest.mark.parametrize(
    ("host", "label"),
    [
        ("shop.example", ""),
        ("bücher-24.example", ""),
        ("пример.example", ""),
        ("shop例え.example", ""),
        ("xn--r8jz45g.example", ""),
        ("p\u0430ypal.example", "p\u0430ypal"),
        ("xn--pypal-4ve.example", "p\u0430ypal"),
        ("例한글かな.example", "例한글かな"),
    ],
)
def test_scripts(host: str, label: str) -> None:
    assert mixed_label(host) == label


def test_a_mixed_link_is_a_problem(folder: Any) -> None:
    with pytest.raises(TemplateError) as caught:
        folder.words('<a href="https://p\u0430ypal.example/x">pay</a>').compile()
    assert [(one.id, one.line) for one in caught.value.problems] == [("link-script", 4)]


@pytest.mark.parametrize("subject", ["Re: your order", "FWD: news", "Aw: Angebot"])
def test_a_subject_that_plays_an_answer_is_warned_of(folder: Any, subject: str) -> None:
    folder.subject(subject)
    assert [one.id for one in folder.words("Hi").compile().warnings if one.id == "subject-reply"] == ["subject-reply"]
