"""What the smaller and the older mail servers write when they return a mail without a report for machines.

Each is written here in the manner of its maker; names and addresses are ours.
"""

import pytest

from tests.fixtures.prose import B, Case, O, P, T

CASES = [
    Case(
        "domino",
        "DELIVERY FAILURE: User mira (mira@example.org) not listed in Domino Directory",
        """Your message

  Subject: hello

was not delivered to:

  mira@example.org

because:

  User mira (mira@example.org) not listed in Domino Directory
""",
        [("mira@example.org", P)],
    ),
    Case(
        "notes",
        "DELIVERY FAILURE: hello",
        """------- Failure Reasons  --------

User not listed in public Name & Address Book
mira@example.org


------- Returned Message --------

Received: from shop.example
""",
        [("mira@example.org", P)],
    ),
    Case(
        "courier",
        "NOTICE: mail delivery status.",
        """UNDELIVERABLE MAIL

Your message to the following recipients cannot be delivered:

<mira@example.org>:
    mx.example.org [192.0.2.7]:
>>> RCPT TO:<mira@example.org>
<<< 550 5.1.1 <mira@example.org>... User Unknown
""",
        [("mira@example.org", P)],
    ),
    Case(
        "opensmtpd",
        "Delivery status notification: error",
        """    Hi!

    This is the MAILER-DAEMON, please DO NOT REPLY to this e-mail.

    An error has occurred while attempting to deliver a message for
    the following list of recipients:

mira@example.org: 550 5.2.2 <mira@example.org>... Mailbox Full
joan@example.org: 550 5.1.1 no such user

    Below is a copy of the original message:

To: other@example.org
""",
        [("mira@example.org", T), ("joan@example.org", P)],
    ),
    Case(
        "dragonfly",
        "Mail delivery failed",
        """This is the DragonFly Mail Agent v0.13 at mx.example.net.

There was an error delivering your mail to <mira@example.org>.

mx.example.org [192.0.2.7] did not like our RCPT TO:
550 5.1.1 <mira@example.org>: Recipient address rejected: User unknown

Message headers follow.

To: other@example.org
""",
        [("mira@example.org", P)],
    ),
    Case(
        "james",
        "[BOUNCE]hello",
        """Hi. This is the James mail server at mx.example.net.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.  Below
I include the list of recipients and the reason why I was unable to deliver
your message.

Failed recipient(s):
mira@example.org

Error message:
550 Unknown user mira@example.org
""",
        [("mira@example.org", P)],
    ),
    Case(
        "imail",
        "Undeliverable Mail",
        "Unknown user: mira@example.org\n\n\nOriginal message follows.\n\nTo: other@example.org\n",
        [("mira@example.org", P)],
    ),
    Case(
        "imail_full",
        "Undeliverable Mail",
        "User mailbox exceeds allowed size: mira@example.org\n\n\nOriginal message follows.\n\nTo: other@example.org\n",
        [("mira@example.org", T)],
    ),
    Case(
        "gateway_with_reason_after",
        "Message delivery failed",
        """Unable to deliver message to: <mira@example.org>
Delivery failed for the following reason:
Server mx.example.org[192.0.2.7] failed with: 550 <mira@example.org> No such user here

This has been a permanent failure.  No further delivery attempts will be made.
""",
        [("mira@example.org", P)],
    ),
    Case(
        "mailmarshal",
        'Undeliverable Mail: "hello"',
        """Your message:
   From:    hello@shop.example
   Subject: hello

Could not be delivered because of

550 5.1.1 User unknown

The following recipients were affected:
    mira@example.org

Additional Information
======================
Original Sender:    <hello@shop.example>
""",
        [("mira@example.org", P)],
    ),
    Case(
        "powermta",
        "Delivery report",
        """Hello, this is the mail server on mx.example.net.

I am sending you this message to inform you on the delivery status of a
message you previously sent.  Immediately below you will find a list of
the affected recipients;  also attached is a Delivery Status Notification
(DSN) report in standard format, as well as the headers of the original message.

  <mira@example.org>  delivery failed; will not continue trying
    550 5.1.1 mailbox does not exist
""",
        [("mira@example.org", P)],
    ),
    Case(
        "phone_company",
        "Undeliverable Message",
        """Error:  No valid recipients for this MM

   RCPT TO: 15555550123@vtext.example.org
   550 - Requested action not taken: no such user here
""",
        [("15555550123@vtext.example.org", P)],
        head="From: post_master@vtext.example.org\nTo: b@bounce.shop.example\n",
    ),
    Case(
        "zoho",
        "Undelivered Mail Returned to Sender",
        """This message was created automatically by mail delivery software.
 A message that you sent could not be delivered to one or more of its recipients. This is a permanent error.

mira@example.org Invalid Address, ERROR_CODE :550, ERROR_CODE :5.1.1 <mira@example.org>... User Unknown
""",
        [("mira@example.org", P)],
    ),
    Case(
        "full_details",
        "Delivery failure",
        """We had trouble delivering your message. Full details follow:

Subject: 'hello'
Date: 'Thu, 29 Oct 2026 23:34:45'

1 error(s):

SMTP Server <mx.example.org> rejected recipient <mira@example.org>
  (Error following RCPT command). It responded as follows: [550 5.1.1 unknown user]
""",
        [("mira@example.org", P)],
    ),
    Case(
        "mailbox_full_after_the_name",
        "Mail delivery failure",
        """Your mail sent on: Thu, 29 Oct 2026 11:04:47 +0900
    Could not be delivered to: <mira@example.org>
    As their mailbox is full.
""",
        [("mira@example.org", T)],
    ),
    Case(
        "spam_wall",
        "**Message you sent blocked by our bulk email filter**",
        """Your message to: mira@example.org
was blocked by our Spam Firewall. The email you sent with the following subject has NOT BEEN DELIVERED:

Subject: hello
""",
        [("mira@example.org", B)],
    ),
    Case(
        "attempts",
        "Message delivery problem",
        """Your message could not be sent.
A transcript of the attempts to send the message follows.
The number of attempts made: 1
Addressed To: mira@example.org

Thu 29 Oct 2026 23:34:45 +0900
Failed to send to identified host,
mira@example.org: [192.0.2.7], 550 mira@example.org... No such user

--- Message non-deliverable.
""",
        [("mira@example.org", P)],
    ),
    Case(
        "interscan",
        "Mail could not be delivered",
        """****** Message from InterScan Messaging Security Suite ******

Sent >>> RCPT TO:<mira@example.org>
Received <<< 550 5.1.1 <mira@example.org>... User Unknown

Unable to deliver message to <mira@example.org>.

************************     End of message     **********************
""",
        [("mira@example.org", P)],
    ),
    Case(
        "sender_s_own_fault",
        "Undelivered Mail Returned to Sender",
        """I'm sorry to have to inform you that your message could not
be delivered to one or more recipients.

<mira@example.org>: host mx.example.org[192.0.2.7] said: 550 5.7.1 Email rejected per DMARC
    policy for shop.example (in reply to end of DATA command)
""",
        [("mira@example.org", O)],
    ),
    Case(
        "local_names",
        "Returned mail: User unknown",
        "Your mail to the following recipients could not be delivered because they do not exist:\n\n\tmira\n",
        [("mira@mx.example.net", P)],
    ),
    Case(
        "echo_of_our_headers_above",
        "Delivery Notification: Delivery has failed",
        """This report relates to a message you sent with the following header fields:

  Message-id: <x1@shop.example>
  Date: Thu, 29 Oct 2026 23:34:45 +0900
  From: Shop <hello@shop.example>
  To: people@example.com
  Subject: hello

Your message cannot be delivered to the following recipients:

  Recipient address: mira@example.org
  Reason: Remote SMTP server has rejected address
  Diagnostic code: smtp;550 5.1.1 <mira@example.org>... User Unknown
""",
        [("mira@example.org", P)],
    ),
    Case(
        "swedish",
        "Olevererbart: Erbjudande",
        "Leverans misslyckades till följande mottagare eller grupper:\n\nmira@example.org\n"
        "Den e-postadress du angav hittades inte.\n",
        [("mira@example.org", P)],
        head="From: postmaster@example.org\nTo: b@bounce.shop.example\n",
    ),
    Case(
        "french_delay",
        "Remise différée : Offre",
        "La remise à ces destinataires ou groupes a été retardée :\n\nmira@example.org\n",
        [("mira@example.org", T)],
        "delayed",
        head="From: postmaster@example.org\nTo: b@bounce.shop.example\n",
    ),
    Case(
        "exchange_in_dutch",
        "Onbestelbaar: Aanbieding",
        "De bezorging aan de volgende geadresseerden of groepen is mislukt:\n\nmira@example.org\n"
        "Diagnostische gegevens voor beheerders:\n\nmira@example.org\n"
        "Remote Server returned '550 5.1.1 RESOLVER.ADR.RecipNotFound; not found'\n",
        [("mira@example.org", P)],
        head="From: postmaster@example.org\nTo: b@bounce.shop.example\n",
    ),
    Case(
        "korean",
        "배달되지 않음: 알림",
        "다음 받는 사람 또는 그룹에게 배달하지 못했습니다.\n\nmira@example.org\n입력한 주소를 찾을 수 없습니다.\n",
        [("mira@example.org", P)],
    ),
    Case(
        "postfix_delay",
        "Delayed Mail (still being retried)",
        """This is the mail system at host mx.example.net.

# THIS IS A WARNING ONLY.  YOU DO NOT NEED TO RESEND YOUR MESSAGE. #

Your message could not be delivered for more than 4 hour(s).
It will be retried until it is 5 day(s) old.

<mira@example.org>: connect to mx.example.org[192.0.2.7]:25: Connection timed out
""",
        [("mira@example.org", T)],
        "delayed",
    ),
    Case(
        "failed_addresses_in_rulers",
        "Mail delivery failed",
        """|------------------------- Message log follows: -------------------------|
 no valid recipients were found for this message
|------------------------- Failed addresses follow: ---------------------|
 <mira@example.org> ... unknown user
|------------------------- Message header follows: ----------------------|
Received: from shop.example
To: other@example.org
""",
        [("mira@example.org", P)],
    ),
    Case(
        "two_reasons_in_two_lines",
        "Undeliverable Mail",
        "User mailbox exceeds allowed size: mira@example.org\n\nUnknown host: joan@example.com\n\n\n"
        "Original message follows.\n",
        [("mira@example.org", T), ("joan@example.com", P)],
    ),
]


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_a_bounce_in_prose_is_understood(case: Case) -> None:
    case.check()
