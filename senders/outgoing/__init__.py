"""Outgoing webhooks: other programs are told what happened to contacts and sends, signed, at least once.

What is told stands in ``payloads``, how it is delivered in ``delivering``; what waits stands in the ledger
(``hook_calls``). Add nothing about reports that come in; those belong to ``inbound.webhooks``.
"""
