"""Takes the pictures of the README from a finished demo: pages, asset graph, terminal.

Run by ``make pictures``; it starts what it photographs and stops it again. Add a picture together with its place in
the README; what is on it belongs to the parts themselves.
"""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from orchestration.processes import running
from orchestration.settings import CODE_ROOT, Settings, child_environment, load_settings
from senders.errors import ConfigError

FOLDER = CODE_ROOT / "orchestration" / "demo" / "pictures"
CAMPAIGN, SEND = "spring_sale", "spring_sale.20260414T0800Z"
COMMANDS = (
    ("plan", CAMPAIGN),
    ("preview", CAMPAIGN, "--limit", "3"),
    ("status",),
)
_BROWSER = ("chromium", "chromium-browser", "google-chrome")
_COLUMNS = 118
_TRIES = 10
# Ground, text, and the eight colours of a terminal, plain and bright.
_PLAIN = (
    (26, 33, 44),
    (251, 113, 133),
    (52, 211, 153),
    (251, 191, 36),
    (96, 165, 250),
    (167, 139, 250),
    (45, 212, 191),
)
_COLOURS = ((16, 21, 29), (219, 228, 238), [*_PLAIN, (219, 228, 238)], [(116, 131, 154), *_PLAIN[1:], (255, 255, 255)])
_TERMINAL = """\
<!doctype html><meta charset="utf-8"><style>
body{{margin:0;padding:26px;background:#eef2f6}}
.window{{background:#10151d;border-radius:12px;box-shadow:0 12px 40px rgba(15,23,42,.28);overflow:hidden}}
.bar{{display:flex;gap:8px;padding:13px 16px;background:#1a212c}}
.bar i{{width:12px;height:12px;border-radius:50%}}
pre{{margin:0;padding:16px 22px 22px;font:13.5px/1.5 "DejaVu Sans Mono",monospace;color:#dbe4ee;white-space:pre}}
b.ask{{color:#2dd4bf}}
</style><div class="window"><div class="bar"><i style="background:#fb7185"></i><i style="background:#fbbf24"></i>
<i style="background:#34d399"></i></div><pre>{text}</pre></div>
"""


def main() -> None:
    """Take every picture."""
    settings = load_settings()
    if not (settings.home / "demo.json").exists():
        raise ConfigError(f"{settings.home} holds no finished demo; run: make demo")
    FOLDER.mkdir(exist_ok=True)
    with _browser() as browser:
        _terminal(settings, browser)
        _pages(settings, browser)
        _asset_graph(settings, browser)


@contextlib.contextmanager
def _browser() -> Iterator[Any]:
    import shutil

    from playwright.sync_api import sync_playwright

    path = next(filter(None, map(shutil.which, _BROWSER)), None)
    if path is None:
        raise ConfigError("pictures need a Chromium, and none is installed; install one, such as Debian's chromium.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


def _pages(settings: Settings, browser: Any) -> None:
    place = settings.dashboards
    base = f"http://{place.host}:{place.port}"
    shots = (
        ("report", f"/campaigns/{SEND}", "light", 1440, 1500),
        ("overview", "/?period=30d", "dark", 1440, 1080),
        ("segment", "/segments/seg_not_opened_90d", "light", 1440, 960),
    )
    with running(settings, "dashboards", ready=(place.host, place.port)):
        for name, path, mode, width, height in shots:
            page = browser.new_page(
                viewport={"width": width, "height": height}, color_scheme=mode, device_scale_factor=1
            )
            page.goto(base + path)
            page.wait_for_selector("#content h1")
            page.wait_for_selector(".main-svg")
            page.wait_for_timeout(1500)  # a frame without rights says nothing when it has been painted
            page.screenshot(path=FOLDER / f"{name}.png")
            page.close()


def _asset_graph(settings: Settings, browser: Any) -> None:
    place = settings.dagster
    shots = (
        ("assets", "/asset-groups", "text=1_sources", 1500, 620),
        ("campaign", f"/locations/mailrail/asset-groups/7_{CAMPAIGN}", "text=receipts", 1500, 620),
    )
    with running(settings, "dev", "--only", "webserver", ready=(place.host, place.port)):
        for name, path, sign, width, height in shots:
            page = browser.new_page(viewport={"width": width, "height": height})
            _open_until(page, settings.dagster_url() + path, sign)
            page.wait_for_timeout(4_000)  # the graph is laid out and moved into view after it is loaded
            page.screenshot(path=FOLDER / f"{name}.png")
            page.close()


def _open_until(page: Any, address: str, sign: str) -> None:
    """Open a page of the Dagster UI; one that was opened before the definitions were loaded stays empty."""
    from playwright.sync_api import TimeoutError

    for _ in range(_TRIES):
        page.goto(address)
        with contextlib.suppress(TimeoutError):
            page.wait_for_selector(sign, timeout=8_000)
            return
    raise ConfigError(f"{address} did not show {sign!r}; see the logs of `mailrail dev`.")


def _terminal(settings: Settings, browser: Any) -> None:
    from rich.console import Console
    from rich.terminal_theme import TerminalTheme
    from rich.text import Text

    console = Console(record=True, width=_COLUMNS, file=Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115
    for command in (*COMMANDS, ("person", "timeline", _buyer(settings), "--limit", "6")):
        console.print(Text.assemble(("❯ ", "bold cyan"), (f"mailrail {' '.join(command)}", "bold")))
        console.print(Text.from_ansi(_run(settings, command)))
    text = console.export_html(inline_styles=True, code_format="{code}", theme=TerminalTheme(*_COLOURS))
    page = browser.new_page(viewport={"width": 1180, "height": 400}, device_scale_factor=1)
    page.set_content(_TERMINAL.format(text=text))
    page.screenshot(path=FOLDER / "terminal.png", full_page=True)
    page.close()


def _buyer(settings: Settings) -> str:
    """Return somebody with a story: the first who bought."""
    log = (settings.home / "recipients" / "log.jsonl").read_text(encoding="utf-8")
    return next(row["recipient"] for row in map(json.loads, log.splitlines()) if row["did"] == "buy")


def _run(settings: Settings, command: tuple[str, ...]) -> str:
    colours = {"FORCE_COLOR": "1", "COLUMNS": str(_COLUMNS), "TERM": "xterm-256color"}
    done = subprocess.run(
        [sys.executable, "-m", "orchestration.cli", *command],
        env=child_environment(settings, **colours),
        cwd=settings.project,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return done.stdout.rstrip() + "\n"


if __name__ == "__main__":
    main()
