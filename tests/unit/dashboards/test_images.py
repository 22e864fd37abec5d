import builtins

import pytest

from dashboards.elements import chart
from dashboards.images import ImagesUnavailableError, write_images
from dashboards.theme import blank_figure
from tests.fixtures.browser import needs_chromium


def page():
    figure = blank_figure("light", 160)
    figure.add_bar(x=["a", "b"], y=[1, 2])
    return [chart("days", figure, "two bars")]


@pytest.mark.slow
@needs_chromium
@pytest.mark.skipif(__import__("importlib.util").util.find_spec("kaleido") is None, reason="kaleido is not installed")
def test_each_chart_is_a_picture(tmp_path):
    (path,) = write_images(page(), tmp_path / "new", name="spring_sale")
    assert path == tmp_path / "new" / "spring_sale-days.png"
    picture = path.read_bytes()
    assert picture.startswith(b"\x89PNG\r\n")
    assert int.from_bytes(picture[16:20]) == 1800


def test_a_missing_library_names_the_extra(tmp_path, monkeypatch):
    real = builtins.__import__

    def refuse(name, *args, **kwargs):
        if name == "kaleido":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(ImagesUnavailableError, match=r"pip install 'mailrail\[images\]'"):
        write_images(page(), tmp_path, name="a")
