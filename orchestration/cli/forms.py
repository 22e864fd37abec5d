"""Commands about sign-up forms: list them, print one for a page of your own.

Add a command here when it is about a form. What a form asks stands in mailrail.toml, how it is answered in
``senders.collector``.
"""

import click

from orchestration.cli.console import json_option, out, print_json
from orchestration.settings import load_settings
from senders.errors import ConfigError


@click.group()
def form() -> None:
    """Look at sign-up forms."""


@form.command(name="list")
@json_option
def list_forms(as_json: bool) -> None:
    """List the forms of mailrail.toml and where they are."""
    settings = load_settings()
    config = settings.collector_config()
    rows = [
        {
            "name": one.name,
            "title": one.title[""],
            "url": f"{config.base_url.rstrip('/')}/s/{one.name}",
            "topics": list(one.topics),
            "double_opt_in": one.double_opt_in,
            "consent_version": one.wording_version,
        }
        for one in config.signups.forms.values()
    ]
    if as_json:
        print_json({"forms": rows})
        return
    for row in rows:
        out.print(f"{row['name']}  {row['url']}", markup=False, soft_wrap=True)
    if not rows:
        out.print("There is no form. Add [forms.<name>] to mailrail.toml, see the README.", markup=False)


@form.command()
@click.argument("name")
@click.option("--lang", default="", help="Language of the form, such as de; that of [pages] by default.")
def snippet(name: str, lang: str) -> None:
    """Print the form NAME as HTML for a page of your own: no script, no style, nothing from outside.

    It posts to the collector. Print it again when the form has changed: the version of the consent stands in it.
    """
    from senders.collector.form_markup import FormView, form_markup
    from senders.collector.look import Looks

    config = load_settings().collector_config()
    found = config.signups.forms.get(name)
    if found is None:
        known = ", ".join(sorted(config.signups.forms)) or "none"
        raise ConfigError(f"form: {name!r} is not in mailrail.toml (known: {known}); add [forms.{name}].")
    look = Looks(config).look_in(lang)
    if lang and look.words.language != lang:
        known = ", ".join(words.language for words in look.languages)
        raise ConfigError(f"--lang: there are no words in {lang!r} (known: {known}); add assets/words/{lang}.toml.")
    click.echo(form_markup(FormView(found, look, action=f"{config.base_url.rstrip('/')}/s/{name}")))
