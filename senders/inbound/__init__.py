"""Mail that comes back: bounces and complaints, read from a mailbox and told as events.

Add here what understands a kind of returned mail (delivery status, feedback report, plain text of old
servers). What an event means to a contact is the ledger's, how often it happens is dbt's.
"""
