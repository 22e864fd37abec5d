"""Who a thing that comes back belongs to: addresses, keys, and the tokens in links.

Add here what must be computed alike by the process that sends and by the one that receives. Pages, redirects
and the ledger do not belong here.
"""
