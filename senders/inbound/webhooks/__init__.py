"""Reports of mail providers over HTTP: one small module for each, one vocabulary for all.

Add a provider as a module with a subclass of ``provider.Provider`` and a line in ``registry``. Which message a report
speaks of, and what follows from it, belongs to ``matching``.
"""
