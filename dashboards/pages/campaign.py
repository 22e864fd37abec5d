"""The report on one send: what was planned, what happened to each message, and what people did.

The app shows it and the single-file report writes it out. Add a card here with its definition in the subtitle; numbers
come from the marts as they are, charts belong to ``figures``, words to ``glossary``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dash import html

from dashboards.elements import (
    Column,
    Part,
    badge,
    bar,
    card,
    chart,
    empty,
    facts,
    named,
    page_head,
    row,
    table,
    tiles,
    words,
)
from dashboards.figures.deliverability import bounce_rate_by_provider
from dashboards.figures.engagement import engagement_over_time
from dashboards.figures.exclusions import exclusions_waterfall
from dashboards.figures.funnel import send_funnel
from dashboards.figures.links import clicks_by_link
from dashboards.formats import count, duration, masked, moment, money, share, short_hash, title
from dashboards.glossary import LIGHTS, OUTCOMES, REASONS, ROLES, RULES, STAGES, WAITING, term
from dashboards.kpis import read_kpis
from dashboards.proof import Proof, prove
from dashboards.reader import Row, SendFrames
from dashboards.theme import Mode

STATE_TONES = {"finished": "good", "running": "watch", "paused": "watch", "cancelled": "act"}
MARKS = {"healthy": "●", "watch": "▲", "act": "■", "few": "○"}
FOOT = (
    "Delivered: accepted by the relay and without a later bounce; not “in the inbox”. Rates are by delivered messages "
    "except the delivery rate, which is by messages handed to the relay, and click-to-open, which is by people who "
    "opened. Orders count for the last message clicked before them. All numbers come from the public marts of the "
    "warehouse; this page computes none. Times are UTC."
)


@dataclass(frozen=True, slots=True)
class Origin:
    """What made the page: shown as name and value, or as a link where ``links`` has one of the same name."""

    facts: Mapping[str, str] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)
    currency: str = ""


def campaign_page(frames: SendFrames, *, origin: Origin, click_map: str | None = None, mode: Mode = "light") -> Part:
    """Return the report on a send.

    Args:
        frames: what the marts say about the send.
        origin: what made the page.
        click_map: the document of the click map, for a frame without rights; None where the mail is not kept.
        mode: the colours of the charts.
    """
    proof = prove(frames.send)
    return html.Main(
        [
            _head(frames, proof, origin.currency),
            tiles(read_kpis(frames, currency=origin.currency)),
            _time_and_funnel(frames, mode),
            _clicks(frames, click_map, mode),
            _people(frames, proof, origin, mode),
            _providers(frames, mode),
            _told(frames),
            _doubts(frames),
            html.Footer(FOOT),
        ]
    )


def _head(frames: SendFrames, proof: Proof, currency: str) -> Part:
    send = frames.send
    done = [" · sent in ", html.B(duration(send["seconds_taken"]))] if send["seconds_taken"] else []
    return page_head(
        ["Campaign report · ", words(send["send_id"])],
        title(send["campaign"]),
        [
            *("Due ", html.B(moment(send["scheduled_at"])), " · "),
            *(html.B(count(send["audience"])), " recipients", *done, " · ", html.B(count(send["orders"]))),
            *(" orders worth ", html.B(money(send["revenue"], currency))),
        ],
        badge(words(send["state"]), STATE_TONES.get(send["state"], "")),
        badge(f"topic {words(send['topic'], 40)}") if send["topic"] else None,
        badge(f"proof sheet {proof.verdict}", _proof_tone(proof)),
    )


def _proof_tone(proof: Proof) -> str:
    return "good" if proof.closes else "watch" if proof.open else "act"


def _time_and_funnel(frames: SendFrames, mode: Mode) -> Part:
    bucket = frames.hourly["bucket"][0] if frames.hourly.height else "hour"
    machines = count(frames.send["machine_opens"])
    stages = frames.funnel.select("stage", "people").rows()
    told = "Funnel: " + ", ".join(f"{term(STAGES, stage).name} {count(people)}" for stage, people in stages)
    return row(
        card(
            "Engagement over time",
            f"Events per {bucket}, by the time they happened, in UTC; repeats count. Dotted: with the {machines} opens "
            "by privacy proxies and scanners. Filled: people. Below: unsubscribes.",
            chart(
                "engagement",
                engagement_over_time(frames.hourly, mode=mode),
                "Opens, clicks and unsubscribes over time",
            )
            if frames.hourly.height
            else empty("Nothing has happened yet."),
            width=8,
        ),
        card(
            "Funnel",
            "Messages that reached each stage; bars on a square-root scale. At the right: share of the stage before. "
            "Opens and clicks are people's.",
            chart("funnel", send_funnel(frames.funnel, mode=mode), told),
            width=4,
        ),
    )


def _clicks(frames: SendFrames, click_map: str | None, mode: Mode) -> Part:
    if click_map is None:  # the mail of an old send was not kept; the table has the same numbers
        return row(_links(frames), _clickers(frames, mode, width=5))
    mail = html.Iframe(srcDoc=click_map, sandbox="", className="mail", title="The mail with its click map")
    sub = "The mail as it was sent, for a made-up person; on each link its share of all unique clicks."
    beside = html.Div([_links(frames), _clickers(frames, mode, width=7)], className="stack c7")
    return row(card("Click map", sub, mail, width=5), beside)


def _links(frames: SendFrames) -> Part:
    links = [
        (
            named(words(link["label"], 80), _target(link)),
            count(link["unique_clicks"]),
            count(link["clicks"]),
            share(link["share"], 1),
            bar(link["of_largest"]),
        )
        for link in frames.links.to_dicts()
    ]
    columns = [
        Column("Link"),
        Column("Unique clicks", "n"),
        Column("All clicks", "n"),
        Column("Share", "n"),
        Column("", "wide", "Share as a bar"),
    ]
    return card(
        "Links",
        "Unique clicks: messages in which a person followed the link at least once; and the share of all.",
        table(columns, links) if links else empty("The message has no links."),
        width=7,
    )


def _clickers(frames: SendFrames, mode: Mode, *, width: int) -> Part:
    label = "Clicks by people and by machines for each link"
    return card(
        "People and machines",
        "All clicks per link, repeats counted. A click is a machine's if the client says so, or if several links of a "
        "message are followed within one second. Kept apart, never deleted.",
        chart("clicks", clicks_by_link(frames.links, mode=mode), label)
        if frames.links.height
        else empty("The message has no links."),
        width=width,
    )


def _target(link: Mapping[str, Any]) -> str:
    role = ROLES.get(link["role"] or "", "")
    url = words(link["url"], 90) if link["url"] else "differs by recipient"
    return f"{url} · {role}" if role else url


def _people(frames: SendFrames, proof: Proof, origin: Origin, mode: Mode) -> Part:
    send = frames.send
    rows = []
    for excluded in frames.exclusions.to_dicts():
        reason = term(REASONS, excluded["reason"])
        rows.append((named(reason.name, reason.meaning), count(excluded["contacts"]), share(excluded["share"])))
    waterfall = exclusions_waterfall(frames.exclusions, included=send["included"], audience=send["audience"], mode=mode)
    return row(
        card(
            "Who was left out",
            f"{count(send['included'])} contacts in the segments, less {count(send['excluded'])} with one reason each, "
            f"make the frozen audience of {count(send['audience'])}.",
            chart("exclusions", waterfall, "From the contacts in the segments to the audience, by reason"),
            table([Column("Reason"), Column("Contacts", "n"), Column("Share", "n")], rows) if rows else None,
            width=5,
        ),
        card(
            "Proof sheet",
            "Every row of the frozen audience has exactly one outcome: audience = accepted + refused + suppressed + "
            "expired + cancelled + in doubt.",
            table(
                [Column("Outcome"), Column("Messages", "n")],
                _outcomes(proof),
                foot=[("Sum of the outcomes", count(proof.total)), ("Audience", count(proof.audience))],
            ),
            facts(_made_from(send, origin)),
            width=7,
            beside=badge(f"{'✓' if proof.closes else '!'} {proof.verdict}", _proof_tone(proof)),
        ),
    )


def _outcomes(proof: Proof) -> list[tuple[Part, Part]]:
    done = [(named(line.name, line.meaning), count(line.messages)) for line in proof.outcomes]
    waiting = [
        (named(line.name, f"{line.meaning}; no outcome yet"), f"({count(line.messages)})")
        for line in proof.waiting
        if line.messages
    ]
    return [*done, *waiting]


def _made_from(send: Mapping[str, Any], origin: Origin) -> list[tuple[str, Part]]:
    told: list[tuple[str, Part]] = [
        ("Audience hash", words(send["audience_hash"]) or "–"),
        ("Content hash", words(send["content_hash"]) or "–"),
        ("Published version", words(send["published_version"]) or "–"),
        ("Git commit", words(send["git_commit"]) or "–"),
        ("Opened", [moment(send["opened_at"])]),
        ("Finished", [moment(send["finished_at"])]),
    ]
    told += [(name, words(value)) for name, value in origin.facts.items() if value]
    told += [
        (name, [html.A(words(target, 90), href=target, target="_blank", rel="noopener")])
        for name, target in origin.links.items()
    ]
    return told


def _providers(frames: SendFrames, mode: Mode) -> Part:
    rows = [
        (
            words(provider["mailbox_domain"], 60),
            count(provider["messages"]),
            share(provider["delivered_share"], 1),
            share(provider["bounce_rate"]),
            share(provider["complaint_rate"], 3) if provider["complaints"] else "none",
            share(provider["unique_open_rate"], 1),
            share(provider["unique_click_rate"], 1),
            _light(provider["light"]),
        )
        for provider in frames.providers.to_dicts()
    ]
    heads = ("Messages", "Delivered", "Bounced", "Complaints", "Opened", "Clicked")
    columns = [Column("Mailbox provider"), *(Column(head, "n") for head in heads), Column("Light", "gap")]
    lights = frames.lights
    watch, act = (_lines(lights, light, name) for light, name in (("watch", "Amber"), ("act", "Red")))
    return row(
        card(
            "Deliverability by mailbox provider",
            "Shares of messages handed to the relay (delivered, bounced) and of deliveries (complaints, opens, clicks "
            f"by people). {watch} {act} Grey: fewer than {count(lights['fewest'])} messages handed over. Some "
            "providers, such as Gmail and Apple, report no single complaints.",
            table(columns, rows) if rows else empty("No message has been offered yet."),
            width=8,
        ),
        card(
            "Bounce rate",
            "Hard and soft bounces of messages handed to the relay; dotted: where the light changes.",
            chart(
                "bounces",
                bounce_rate_by_provider(
                    frames.providers, watch=lights["bounce_watch"], act=lights["bounce_act"], mode=mode
                ),
                "Bounce rate by mailbox provider",
            ),
            width=4,
        ),
    )


def _light(light: str) -> Part:
    return html.Span(f"{MARKS[light]} {term(LIGHTS, light).name}", className=f"light {light}")


def _lines(lights: Row, light: str, name: str) -> str:
    return (
        f"{name}: bounces over {share(lights[f'bounce_{light}'], 0)} or complaints from "
        f"{share(lights[f'complaint_{light}'], 1)}."
    )


def _told(frames: SendFrames) -> Part:
    states = {**OUTCOMES, **WAITING}
    replies = [
        (
            term(states, reply["state"]).name,
            count(reply["messages"]),
            words(reply["code"], 12) or "–",
            masked(reply["reply"], 140) or "–",
        )
        for reply in frames.replies.to_dicts()
    ]
    machines = []
    for found in frames.machines.to_dicts():
        rule = term(RULES, found["rule"])
        client = words(found["user_agent"], 110) or "(none)"
        machines.append((named(rule.name, rule.meaning), count(found["opens"]), count(found["clicks"]), client))
    return row(
        card(
            "What the relays said",
            "The commonest replies to messages that were not accepted, one example each.",
            table(
                [
                    Column("Outcome"),
                    Column("Messages", "n"),
                    Column("Code", "mono nb gap"),
                    Column("Example", "mono mute"),
                ],
                replies,
            )
            if replies
            else empty("Every message that was offered was accepted."),
            width=6,
        ),
        card(
            "What was not a person",
            "Opens and clicks that the marts put down to machines, by the rule that told.",
            table(
                [
                    Column("Rule"),
                    Column("Opens", "n"),
                    Column("Clicks", "n"),
                    Column("Example of a client", "mono mute gap"),
                ],
                machines,
            )
            if machines
            else empty("No open and no click came from a machine."),
            width=6,
        ),
    )


def _doubts(frames: SendFrames) -> Part:
    if frames.doubts.is_empty():
        return None
    in_doubt, shown = frames.send["in_doubt"], frames.doubts.height
    some = f" The first {shown} are shown." if shown < in_doubt else ""
    rows = [
        (
            count(doubt["seq"]),
            short_hash(doubt["contact_id"]),
            words(doubt["mailbox_domain"], 60),
            count(doubt["tries"]),
            moment(doubt["first_attempted_at"]),
            f"{count(doubt['signs_of_arrival'])} opens and clicks" if doubt["signs_of_arrival"] else "none",
        )
        for doubt in frames.doubts.to_dicts()
    ]
    columns = [
        Column("Row", "n"),
        Column("Contact", "mono nb gap"),
        Column("Domain"),
        Column("Tries", "n"),
        Column("First tried", "nb gap"),
        Column("Signs that it arrived"),
    ]
    return row(
        card(
            "Doubts",
            "The connection broke after the message and before the reply: it may have arrived. Mailrail does not send "
            f"it again by itself.{some}",
            table(columns, rows),
            beside=badge(f"{count(in_doubt)} in doubt", "watch"),
        )
    )
