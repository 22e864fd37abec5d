"""Ways to a relay: each takes messages from a source and asks the desk before every end mark.

Add a transport for a new kind of relay. What is sent, how often and what a reply means belong to
``delivery``; nothing here knows the ledger.
"""
