"""The small campaign that a proof sends, as the files of a campaign's folder.

Add nothing here but text: it has to be a real template, with a link, personal values and the unsubscribe link.
"""

from pathlib import Path

CAMPAIGN, TOPIC = "proof", "offers"

_SUBJECT = "A line for {{ contact.first_name|default('you') }}"
_TEMPLATE = """\
<mjml lang="en">
  <mj-head>
    <mj-title>Proof</mj-title>
    <mj-preview>Made up, for nobody.</mj-preview>
  </mj-head>
  <mj-body>
    <mj-section>
      <mj-column>
        <mj-text>Hello {{ contact.first_name|default('there') }},
        here is <a href="{{ brand.home_url }}/one">one link</a>
        and <a href="{{ brand.home_url }}/two">another</a>.</mj-text>
        <mj-text><a href="{{ unsubscribe_url }}">Unsubscribe</a></mj-text>
        <mj-text>{{ brand.postal_address }}</mj-text>
      </mj-column>
    </mj-section>
  </mj-body>
</mjml>
"""
_BRAND = """\
name: Proof
postal_address: 1 Nowhere Lane, Nowhere
home_url: https://shop.example
support_email: service@shop.example
"""


def write_campaign(folder: Path) -> tuple[Path, Path]:
    """Write the campaign and its shared templates; return both folders."""
    campaign, shared = folder / "campaigns" / CAMPAIGN, folder / "templates"
    campaign.mkdir(parents=True)
    shared.mkdir()
    (campaign / "subject.txt.j2").write_text(_SUBJECT, encoding="utf-8")
    (campaign / "template.mjml").write_text(_TEMPLATE, encoding="utf-8")
    (shared / "brand.yaml").write_text(_BRAND, encoding="utf-8")
    return campaign, shared
