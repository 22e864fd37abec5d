"""Who gets a campaign: definition, plan, frozen audience, and the answer to why.

Add here what decides about recipients. How they are mailed belongs to ``deliveries`` and ``senders``.
"""
