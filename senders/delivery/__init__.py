"""From queued rows to replies: the standing sender, the run of one shard, and the child that renders.

Add here what decides when a message is offered and what its reply means. Tables belong to ``ledger``,
commands on the wire to ``transports``, what a message looks like to ``rendering``.
"""
