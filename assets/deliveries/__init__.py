"""From a frozen audience to receipts: preflight, opening the send, watching it.

Add here what stands between the files and the sender. The wire belongs to ``senders``.
"""
