"""The proof of the sender's promises: it is killed at random moments, and a sink's own log is the judge.

Add here what `mailrail proof` needs: a world to send in, sinks, the killing, the judgement. The promises are kept
in ``senders``; nothing here helps them along.
"""
