"""The public pages as plain functions: what a person sees who unsubscribes, or follows a link that is no more.

Every word that is not ours goes through ``html.escape``. No script, nothing from outside, readable in any
browser, by keyboard and by screen reader. Add a page here; when it is shown belongs to `routes`.
"""

import base64
import hashlib
from html import escape

STYLE = """
:root { color-scheme: light dark; --ground: #f4f5f2; --card: #ffffff; --ink: #1c2420; --soft: #5a655f;
  --line: #dfe3de; --act: #1f5f4a; --act-ink: #ffffff; --ring: #1f5f4a; }
@media (prefers-color-scheme: dark) { :root { --ground: #121614; --card: #1a201d; --ink: #e9eeea; --soft: #a3aea8;
  --line: #2c3531; --act: #8fd3b6; --act-ink: #0c1b15; --ring: #8fd3b6; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 24px; background: var(--ground);
  color: var(--ink); font: 17px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
main { width: 100%; max-width: 480px; background: var(--card); border: 1px solid var(--line); border-radius: 14px;
  padding: 40px 36px 32px; box-shadow: 0 1px 2px rgb(0 0 0 / 4%), 0 12px 32px rgb(0 0 0 / 6%); }
h1 { margin: 0 0 12px; font-size: 26px; line-height: 1.25; letter-spacing: -0.01em; font-weight: 650;
  text-wrap: balance; overflow-wrap: anywhere; }
p { margin: 0 0 16px; color: var(--soft); overflow-wrap: anywhere; }
p strong { color: var(--ink); font-weight: 600; }
form { margin: 28px 0 20px; }
button { width: 100%; min-height: 52px; padding: 12px 20px; border: 0; border-radius: 10px; background: var(--act);
  color: var(--act-ink); font: inherit; font-weight: 600; cursor: pointer; }
button:hover { filter: brightness(1.08); }
button:focus-visible { outline: 3px solid var(--ring); outline-offset: 3px; }
.mark { display: block; width: 44px; height: 44px; margin: 0 0 20px; color: var(--act); }
footer { margin-top: 24px; padding-top: 16px; border-top: 1px solid var(--line); font-size: 14px; color: var(--soft); }
@media (max-width: 420px) { body { padding: 12px; } main { padding: 28px 22px 24px; } h1 { font-size: 23px; } }
@media (forced-colors: active) { button { border: 2px solid ButtonText; } }
"""

_STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()

# Nothing may run or load; the one form posts to where it came from.
PAGE_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# Somebody else's HTML: no script, no form, no frame; links open outside the sandbox.
VIEW_POLICY = (
    "sandbox allow-popups allow-popups-to-escape-sandbox allow-top-navigation-by-user-activation; "
    "default-src 'none'; img-src https: http: data:; style-src 'unsafe-inline' https:; font-src https: data:; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)

_ENVELOPE = (
    '<svg class="mark" viewBox="0 0 44 44" fill="none" stroke="currentColor" stroke-width="2.5" '
    'stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">'
    '<rect x="5" y="10" width="34" height="25" rx="4"/><path d="m6.5 13 15.5 12 15.5-12"/></svg>'
)
_TICK = (
    '<svg class="mark" viewBox="0 0 44 44" fill="none" stroke="currentColor" stroke-width="2.5" '
    'stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">'
    '<circle cx="22" cy="22" r="17"/><path d="m14.5 22.5 5.2 5.2 10-11"/></svg>'
)


def unsubscribe_page(topic: str, host: str) -> str:
    """Return the page that asks; its button is the only thing that unsubscribes."""
    return _page(
        "Unsubscribe",
        f"""{_ENVELOPE}
<h1>Unsubscribe from {_named(topic)}?</h1>
<p>You will get no more {_mail_of(topic)}. It takes one click, and it works at once.</p>
<form method="post">
<input type="hidden" name="road" value="page">
<button type="submit">Unsubscribe</button>
</form>
<p>Not you, or changed your mind? Close this page and nothing changes.</p>""",
        host,
    )


def unsubscribed_page(topic: str, host: str) -> str:
    """Return the page that confirms."""
    return _page(
        "You are unsubscribed",
        f"""{_TICK}
<h1>You are unsubscribed</h1>
<p role="status">We will send you no more {_mail_of(topic)}. There is nothing else you need to do.</p>
<p>A message that was already on its way may still arrive.</p>""",
        host,
    )


def not_found_page(host: str) -> str:
    """Return the page for a link that we did not make, or that was cut off on its way."""
    return _page(
        "This link does not work",
        f"""{_ENVELOPE}
<h1>This link does not work</h1>
<p>It may have been cut off when the message was copied or forwarded. Try the link in the original message, or
reply to that message and we will help.</p>""",
        host,
    )


def gone_page(host: str) -> str:
    """Return the page for a message that is not kept any more."""
    return _page(
        "This message is no longer available",
        f"""{_ENVELOPE}
<h1>This message is no longer available</h1>
<p>We keep messages for a limited time, to store no more about you than needed. Your own copy is in your
mailbox.</p>""",
        host,
    )


def busy_page(host: str) -> str:
    """Return the page for a moment in which nothing can be stored."""
    return _page(
        "Please try again in a moment",
        f"""{_ENVELOPE}
<h1>Please try again in a moment</h1>
<p role="alert">We could not save this just now, so <strong>nothing has changed</strong>. Wait a few seconds and
load the page again.</p>""",
        host,
    )


def failure_page(host: str) -> str:
    """Return the page for a fault of ours."""
    return _page(
        "Something went wrong on our side",
        f"""{_ENVELOPE}
<h1>Something went wrong on our side</h1>
<p role="alert">It has been noted. Please try again a little later.</p>""",
        host,
    )


def _named(topic: str) -> str:
    return f"“{_words(topic)}”" if topic else "all our mail"


def _mail_of(topic: str) -> str:
    return f"“{_words(topic)}” mail" if topic else "mail from us"


def _words(topic: str) -> str:
    """Return a topic as people read it; escaped, and not longer than a line or two."""
    return escape(" ".join(topic.replace("_", " ").split())[:120])


def _page(title: str, body: str, host: str) -> str:
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex, nofollow">
<meta name="referrer" content="no-referrer">
<title>{escape(title)}</title>
<style>{STYLE}</style>
</head>
<body>
<main>
{body}
<footer>{escape(host)}</footer>
</main>
</body>
</html>
"""
