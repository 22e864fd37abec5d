"""The one way in which Mailrail itself calls others over HTTP, and the signature that such calls carry.

Add nothing here: which addresses may be called stands in ``guard``, how in ``client``, what is signed in
``signatures``. What is said belongs to those who call.
"""
