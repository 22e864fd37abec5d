"""A builder of whole messages, with the headers that must arrive as they were signed."""

from senders.message import Message


def signed_builder(job):
    def build(row):
        seq, to = row["seq"], row["address"]
        lines = (
            "From: Shop <shop@shop.example>",
            f"To: {to}",
            f"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe_{seq}?=",
            "Date: Wed, 25 Nov 2026 01:00:00 +0000",
            f"Message-ID: <{seq}@shop.example>",
            f"List-Unsubscribe: <https://shop.example/u/{seq}>, <mailto:u+{seq}@shop.example>",
            "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
            "MIME-Version: 1.0",
            "Content-Type: text/plain; charset=us-ascii",
            "",
            ".a line that begins with a dot",
            "..and one with two",
            f"Hello {seq}",
        )
        raw = "\r\n".join(lines).encode() + b"\r\n"
        return Message(seq, to, f"b+{seq}@bounce.example", f"{seq}@shop.example", raw)

    return build
