"""The API under ``/api/v1``: events, contacts, mail that somebody waits for, and suppressions, for other programs.

One module a subject: what a call may say (``models``), what it does (``events``, ``contacts``, ``mail``,
``suppressions``), who may (``keys``, ``pace``), how all of them are answered (``app``, ``problems``). Pages for people
belong to the collector itself.
"""
