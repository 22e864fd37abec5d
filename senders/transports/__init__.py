"""Ways to a relay: each takes messages from a source and asks the desk before every end mark.

Add a transport for a new kind of relay. What is sent, how often and what a reply means belong to
``delivery``; nothing here knows the ledger.

A provider behind HTTP is one more module and one more line in ``kinds``; the engine stays as it is:

- ``run`` builds the request, awaits ``desk.offer``, and only then writes the last bytes of its body: they are the end
  mark. Retries of the HTTP client are switched off. No answer is ``Ending.LOST``; a status becomes a `Reply` of the
  code that means the same (202 is 250, 429 is 451, 400 is 550), so that ``delivery`` judges it as any other.
- Where the provider drops repeats by an idempotency key, ``Parcel.key`` is that key: the same at every try, and of no
  other message. If it keeps keys as long as a send lives, its kind says ``drops_repeats``: what a crash left in doubt
  is offered again by itself, and no answer may be settled as 451, which is later. Where it keeps them for less,
  neither holds, and doubts are settled by evidence.
- The message goes as raw MIME: a form made of fields would lose our Message-ID and our signature.
"""
