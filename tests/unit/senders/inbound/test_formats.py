"""What the great mail servers and those of other tongues write when they return a mail without a report for machines.

Each is written here in the manner of its maker; names and addresses are ours.
"""

import pytest

from tests.fixtures.prose import Case, O, P, T

CASES = [
    Case(
        "sendmail_transcript",
        "Returned mail: User unknown",
        """The original message was received at Thu, 29 Oct 2026 23:34:45 GMT
from shop.example [192.0.2.1]

   ----- The following addresses had permanent fatal errors -----
<mira@example.org>
    (reason: 550 5.1.1 <mira@example.org>... User Unknown)

   ----- Transcript of session follows -----
... while talking to mx.example.org.:
>>> DATA
<<< 550 5.1.1 <mira@example.org>... User Unknown
550 5.1.1 <mira@example.org>... User unknown
<<< 503 5.0.0 Need RCPT (recipient)
""",
        [("mira@example.org", P)],
    ),
    Case(
        "old_sendmail",
        "Returned mail: unable to deliver",
        """   ----- Transcript of session follows -----
While talking to smtp.example.org:
>>> RCPT To:<mira@example.org>
<<< 550 <mira@example.org>, User Unknown
550 <mira@example.org>... User unknown

   ----- Unsent message follows -----
Received: from shop.example by example.net
To: other@example.org
""",
        [("mira@example.org", P)],
    ),
    Case(
        "exim_several",
        "Mail delivery failed: returning message to sender",
        """This message was created automatically by mail delivery software.

A message that you sent could not be delivered to one or more of its
recipients. This is a permanent error. The following address(es) failed:

  mira@example.org
    SMTP error from remote mail server after RCPT TO:<mira@example.org>:
    host mx.example.org [192.0.2.7]: 550 5.1.1 <mira@example.org>:
    Recipient address rejected: User unknown
  joan@example.org
    SMTP error from remote mail server after end of data:
    host mx.example.org [192.0.2.7]: 552 5.2.2 Mailbox full
  paul@example.com
    host mail.example.com [192.0.2.8]
    SMTP error from remote mail server after end of data:
    550-5.7.26 This mail is unauthenticated, which poses a security risk
    550 5.7.26 to the sender and Gmail users, and has been blocked.

------ This is a copy of the message, including all the headers. ------

Return-path: <b@bounce.shop.example>
To: nobody@example.org
""",
        [("mira@example.org", P), ("joan@example.org", T), ("paul@example.com", O)],
    ),
    Case(
        "exim_warning",
        "Warning: message 1tK2vb-0003Xy-Qe delayed 24 hours",
        """This message was created automatically by mail delivery software.
A message that you sent has not yet been delivered to one or more of its
recipients after more than 24 hours on the queue on mx.example.net.

The address to which the message has not yet been delivered is:

  mira@example.org
    host mx.example.org [192.0.2.7]: Connection timed out

No action is required on your part. Delivery attempts will continue for
some time, and this warning may be repeated at intervals if the message
remains undelivered. Eventually the mail delivery software will give up,
and when that happens, the message will be returned to you.
""",
        [("mira@example.org", T)],
        "delayed",
    ),
    Case(
        "exim_relay_of_a_hoster",
        "Mail delivery failed: returning message to sender",
        """This message was created automatically by mail delivery software.

A message that you sent could not be delivered to
one or more of its recipients. This is a permanent error. The following address
failed:

"mira@example.org":
SMTP error from remote server after RCPT command:
host: mx.example.org
5.1.1 <mira@example.org>... User Unknown

--- The header of the original message is following. ---

To: someone@example.org
""",
        [("mira@example.org", P)],
    ),
    Case(
        "qmail_two",
        "failure notice",
        """Hi. This is the qmail-send program at mx.example.net.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<mira@example.org>:
192.0.2.7 does not like recipient.
Remote host said: 550 5.1.1 <mira@example.org>... User unknown
Giving up on 192.0.2.7.

<joan@example.org>:
user is over quota

--- Below this line is a copy of the message.

Return-Path: <b@bounce.shop.example>
""",
        [("mira@example.org", P), ("joan@example.org", T)],
    ),
    Case(
        "yahoo_web",
        "Failure Notice",
        """Sorry, we were unable to deliver your message to the following address.

<mira@example.org>:
554: delivery error: dd This user doesn't have a example.org account (mira@example.org) [0] - mta1.example.org

--- Below this line is a copy of the message.

Subject: hello
""",
        [("mira@example.org", P)],
    ),
    Case(
        "gmail_prose",
        "Delivery Status Notification (Failure)",
        """Delivery to the following recipient failed permanently:

     mira@example.org

Technical details of permanent failure:
Google tried to deliver your message, but it was rejected by the server for the recipient domain example.org
by mx.example.org. [192.0.2.7].

The error that the other server returned was:
550 5.1.1 <mira@example.org>: Recipient address rejected: User unknown

----- Original message -----

Subject: hello
""",
        [("mira@example.org", P)],
    ),
    Case(
        "gmail_delay",
        "Delivery Status Notification (Delay)",
        """This is an automatically generated Delivery Status Notification

THIS IS A WARNING MESSAGE ONLY.

YOU DO NOT NEED TO RESEND YOUR MESSAGE.

Delivery to the following recipient has been delayed:

     mira@example.org

Message will be retried for 2 more day(s)
""",
        [("mira@example.org", T)],
        "delayed",
    ),
    Case(
        "exchange_5",
        "Undeliverable: hello",
        """Your message

  To:      people@example.com
  Subject: hello
  Sent:    Thu, 29 Oct 2026 23:34:45 -0500

did not reach the following recipient(s):

mira@example.org on Thu, 29 Oct 2026 23:34:50 -0500
    The recipient name is not recognized
\tThe MTS-ID of the original message is: c=us;a= ;p=example
    MSEXCH:IMS:EXAMPLE:NET:MAIL 0 (000C05A6) Unknown Recipient
""",
        [("mira@example.org", P)],
        head="From: System Administrator <postmaster@example.org>\nTo: b@bounce.shop.example\n",
    ),
    Case(
        "exchange_2010",
        "Undeliverable: hello",
        """Delivery has failed to these recipients or distribution lists:

mira@example.org<mailto:mira@example.org>
The e-mail address you entered could not be found. Please check the address and try resending the message.

Diagnostic information for administrators:

Generating server: mail.example.org

mira@example.org
#550 5.1.1 RESOLVER.ADR.RecipNotFound; not found ##

Original message headers:

To: other@example.org
""",
        [("mira@example.org", P)],
        head="From: postmaster@example.org\nTo: b@bounce.shop.example\n",
    ),
    Case(
        "exchange_in_german",
        "Unzustellbar: Angebot",
        """Fehler bei der Nachrichtenzustellung an folgende Empfänger oder Verteilerlisten:

mira@example.org
Das Empfängerpostfach ist voll. Die Nachricht kann zurzeit nicht übermittelt werden.

Diagnoseinformationen für Administratoren:

Generierender Server: mail.example.org

mira@example.org
#552 5.2.2 STOREDRV.Deliver; mailbox full ##

Ursprüngliche Nachrichtenkopfzeilen:

To: other@example.org
""",
        [("mira@example.org", T)],
        head="From: postmaster@example.org\nTo: b@bounce.shop.example\nReturn-Path: <>\n",
    ),
    Case(
        "exchange_in_french",
        "Non remis : Offre",
        """Échec de la remise pour les destinataires ou groupes suivants :

mira@example.org
L'adresse de messagerie que vous avez entrée est introuvable.

Informations de diagnostic pour les administrateurs :

Serveur de génération : mail.example.org

mira@example.org
#550 5.1.1 RESOLVER.ADR.ExRecipNotFound; not found ##
""",
        [("mira@example.org", P)],
        head="From: postmaster@example.org\nTo: b@bounce.shop.example\n",
    ),
    Case(
        "spanish_without_a_code",
        "No se puede entregar: Oferta",
        """No se pudo entregar el mensaje a los destinatarios siguientes:

mira@example.org
El usuario de destino no existe en este servidor.
""",
        [("mira@example.org", P)],
    ),
    Case(
        "italian",
        "Mancato recapito della posta",
        "Impossibile recapitare il messaggio ai seguenti destinatari:\n\n  mira@example.org\n"
        "  Casella di posta piena.\n",
        [("mira@example.org", T)],
    ),
    Case(
        "russian",
        "Недоставленное сообщение",
        "К сожалению, письмо не может быть доставлено следующим получателям:\n\n  <mira@example.org>\n"
        "  Такой пользователь не существует\n",
        [("mira@example.org", P)],
    ),
    Case(
        "japanese",
        "配信不能: お知らせ",
        "次の受信者にメールを配信できませんでした。\n\n  mira@example.org\n  宛先のユーザーが見つかりません。\n",
        [("mira@example.org", P)],
    ),
    Case(
        "chinese",
        "退信通知",
        "您的邮件无法投递到以下收件人:\n\n<mira@example.org>:\n收件人不存在\n",
        [("mira@example.org", P)],
    ),
    Case(
        "polish_delay",
        "Opóźnienie dostarczenia",
        "Nie można dostarczyć wiadomości; dostarczenie jest opóźnione.\n\n  mira@example.org\n",
        [("mira@example.org", T)],
        "delayed",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_a_bounce_in_prose_is_understood(case: Case) -> None:
    case.check()
