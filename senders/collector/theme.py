"""How every public page looks: one style sheet made of a project's colours, and the policy that allows nothing else.

No script, nothing from outside, readable in any browser. Add a rule here when a page has a new kind of thing on it;
what the page says belongs to ``pages``.
"""

import base64
import hashlib
from dataclasses import dataclass, fields

from senders.page_config import Palette, ThemeConfig

LOGO_PATH = "/logo"
# Somebody else's HTML: no script, no form, no frame; links open outside the sandbox.
VIEW_POLICY = (
    "sandbox allow-popups allow-popups-to-escape-sandbox allow-top-navigation-by-user-activation; "
    "default-src 'none'; img-src https: http: data:; style-src 'unsafe-inline' https:; font-src https: data:; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)

_RULES = """
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; min-height: 100vh; min-height: 100dvh; display: flex; flex-direction: column; align-items: center;
  padding: 40px 16px 28px; background: var(--ground); color: var(--ink); font: 16px/1.55 var(--font); }
.brand { width: 100%; max-width: 480px; margin: auto 0 20px; font-size: 17px; font-weight: 650;
  letter-spacing: -0.01em; overflow-wrap: anywhere; }
.brand img { display: block; max-width: min(240px, 100%); max-height: 48px; }
main { width: 100%; max-width: 480px; background: var(--card); border: 1px solid var(--line);
  border-radius: calc(var(--radius) + 6px); padding: 36px 36px 32px;
  box-shadow: 0 1px 2px rgb(0 0 0 / 4%), 0 10px 30px rgb(0 0 0 / 5%); }
.wide main, .wide .brand, .wide .foot { max-width: 640px; }
h1 { margin: 0 0 10px; font-size: 26px; line-height: 1.22; letter-spacing: -0.018em; font-weight: 680;
  text-wrap: balance; overflow-wrap: anywhere; }
h2, legend { margin: 0; padding: 0; font-size: 17px; line-height: 1.35; letter-spacing: -0.008em; font-weight: 650;
  overflow-wrap: anywhere; }
p { margin: 0 0 16px; color: var(--soft); overflow-wrap: anywhere; text-wrap: pretty; }
p:last-child { margin-bottom: 0; }
p strong { color: var(--ink); font-weight: 600; }
a { color: var(--act); text-decoration: underline; text-decoration-thickness: 1px; text-underline-offset: 3px;
  overflow-wrap: anywhere; }
a:hover { text-decoration-thickness: 2px; }
:focus-visible { outline: 3px solid var(--act); outline-offset: 3px; border-radius: 4px; }
.mark { display: block; width: 44px; height: 44px; margin: 0 0 18px; color: var(--act); }
form { margin: 26px 0 0; }
form + form { margin-top: 8px; }
.part form { margin-top: 0; }
button { display: block; width: 100%; min-height: 50px; padding: 12px 20px; border: 1px solid var(--act);
  border-radius: var(--radius); background: var(--act); color: var(--act-ink); font: inherit; font-weight: 620;
  cursor: pointer; }
button:hover { filter: brightness(1.07); }
button:focus-visible { border-radius: var(--radius); }
button.quiet { background: transparent; border-color: var(--edge); color: var(--ink); }
button.quiet:hover { border-color: var(--act); filter: none; }
button.plain { min-height: 44px; padding: 8px; background: transparent; border-color: transparent; color: var(--act);
  font-weight: 500; text-decoration: underline; text-decoration-thickness: 1px; text-underline-offset: 3px; }
.row { display: flex; flex-wrap: wrap; gap: 10px; }
.row button { flex: 1 1 96px; width: auto; min-height: 46px; padding: 10px 12px; }
.part { margin-top: 26px; padding-top: 24px; border-top: 1px solid var(--line); }
.part p { margin: 4px 0 14px; }
.part p:last-child { margin-bottom: 0; }
fieldset { min-width: 0; margin: 0; border: 0; padding: 0; }
fieldset.part { border-top: 1px solid var(--line); padding-top: 24px; }
/* A legend stands on its fieldset's border; one that floats stands below it, as a headline does. */
fieldset > legend { float: left; width: 100%; padding-bottom: 4px; }
fieldset > legend + * { clear: both; }
label { cursor: pointer; }
input, select { font: inherit; color: inherit; }
input[type="email"], input[type="text"], input[type="number"], input[type="date"], select { width: 100%;
  min-height: 48px; padding: 10px 14px; border: 1px solid var(--edge); border-radius: var(--radius);
  background: var(--card); color: var(--ink); }
select { cursor: pointer; appearance: none; padding-inline-end: 42px;
  background-image: linear-gradient(45deg, transparent 50%, var(--soft) 50%),
    linear-gradient(135deg, var(--soft) 50%, transparent 50%);
  background-position: calc(100% - 22px) 50%, calc(100% - 16px) 50%; background-size: 6px 6px;
  background-repeat: no-repeat; }
[dir="rtl"] select { background-position: 22px 50%, 16px 50%; }
.field { display: block; margin: 0 0 16px; }
.field > span, .field > label { display: block; margin: 0 0 6px; color: var(--ink); font-weight: 600; }
.field > .problem, fieldset > .problem { display: block; margin: 6px 0 0; font-weight: 500; }
.field .soft { color: var(--soft); font-weight: 400; }
.signup fieldset { margin: 0 0 18px; }
.signup fieldset legend { margin: 0 0 10px; font-size: 16px; }
.consent { font-size: 14px; }
.problems p { color: var(--ink); font-weight: 600; }
.problems ul, main > ul { margin: 0; padding-left: 20px; }
.note { margin: 20px 0 0; padding: 14px 16px; border: 1px solid var(--line); border-left: 4px solid var(--act);
  border-radius: var(--radius); background: var(--ground); color: var(--ink); overflow-wrap: anywhere; }
.topic { display: grid; grid-template-columns: minmax(0, 1fr) auto; gap: 6px 24px; align-items: center;
  padding: 14px 0; border-top: 1px solid var(--line); }
.topic:first-of-type { border-top: 0; padding-top: 4px; }
.topic:last-child { padding-bottom: 0; }
.topic > legend { font-size: 16px; font-weight: 600; }
.topic legend small { display: block; margin-top: 2px; color: var(--soft); font-size: 14px; font-weight: 400;
  letter-spacing: 0; }
.pills { display: flex; flex-wrap: wrap; gap: 8px; }
.pill { position: relative; display: inline-flex; flex: 0 0 auto; }
.pill input { position: absolute; inset: 0; width: 100%; height: 100%; margin: 0; opacity: 0; cursor: pointer; }
.pill span { display: inline-flex; align-items: center; justify-content: center; min-width: 60px; min-height: 44px;
  padding: 8px 16px; border: 1px solid var(--edge); border-radius: var(--radius); font-weight: 500; line-height: 1.3;
  text-align: center; white-space: nowrap; }
.pill:hover span { border-color: var(--act); }
.pill input:checked + span { border-color: var(--act); background: var(--act); color: var(--act-ink);
  font-weight: 620; }
.pill.mild input:checked + span { border-color: var(--ink); background: var(--ground); color: var(--ink);
  box-shadow: inset 0 0 0 1px var(--ink); }
.pill input:focus-visible + span { outline: 3px solid var(--act); outline-offset: 3px; }
.option { display: flex; gap: 12px; align-items: flex-start; padding: 11px 14px; border: 1px solid var(--line);
  border-radius: var(--radius); }
.option + .option { margin-top: 8px; }
.option:hover { border-color: var(--act); }
.option:has(input:checked) { border-color: var(--act); box-shadow: inset 0 0 0 1px var(--act); }
.option input { flex: none; width: 20px; height: 20px; margin: 2px 0 0; accent-color: var(--act); }
.option span { min-width: 0; font-weight: 560; overflow-wrap: anywhere; }
.option small { display: block; color: var(--soft); font-size: 14px; font-weight: 400; }
.foot { width: 100%; max-width: 480px; margin: 18px 0 auto; padding: 0 4px; color: var(--soft); font-size: 14px;
  white-space: pre-line; overflow-wrap: anywhere; }
.foot p { margin: 0 0 6px; }
@media (max-width: 560px) {
  body { padding: 20px 12px; }
  main { padding: 26px 20px 24px; }
  h1 { font-size: 23px; }
  .brand, .foot { padding: 0 8px; }
  .topic { grid-template-columns: minmax(0, 1fr); gap: 10px; }
  .pill { flex: 1 1 auto; }
  .pill span { width: 100%; padding: 8px 12px; }
}
@media (prefers-reduced-motion: no-preference) {
  button, .pill span, .option { transition: border-color 0.12s, background-color 0.12s, filter 0.12s; }
}
@media (forced-colors: active) {
  button { border: 2px solid ButtonText; }
  .pill input:checked + span { border: 3px solid Highlight; }
}
"""


@dataclass(frozen=True, slots=True)
class Theme:
    """The look of a project's pages, worked out once."""

    config: ThemeConfig
    style: str
    policy: str
    logo_tag: str

    @property
    def logo_url(self) -> str:
        """The path of the logo, other for each picture, so that it may be kept for long; '' where there is none."""
        return f"{LOGO_PATH}?{self.logo_tag}" if self.logo_tag else ""


def make_theme(config: ThemeConfig) -> Theme:
    """Return the style sheet of a theme, and the policy under which nothing may run or load but it and the logo."""
    style = _style(config)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    picture = "img-src 'self'; " if config.logo else ""
    policy = (
        f"default-src 'none'; style-src 'sha256-{digest}'; {picture}form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    )
    return Theme(config, style, policy, hashlib.sha256(config.logo).hexdigest()[:12] if config.logo else "")


def _style(config: ThemeConfig) -> str:
    shape = f"--radius: {config.radius}px; --font: {config.font};"
    return (
        f"\n:root {{ color-scheme: light dark; {shape} {_variables(config.light)} }}"
        f"\n@media (prefers-color-scheme: dark) {{ :root {{ {_variables(config.dark)} }} }}{_RULES}"
    )


def _variables(palette: Palette) -> str:
    names = (one.name for one in fields(palette))
    return " ".join(f"--{name.replace('_', '-')}: {getattr(palette, name)};" for name in names)
