"""The simulated world of `mailrail demo` and of the tests: a shop, a mail server, and people who react.

Add here what stands in for the outside world. It uses what recipients and servers can see (mail, HTTP,
mailboxes) and never the ledger or the warehouse, so that its own logs are an independent truth.
"""
