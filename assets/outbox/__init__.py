"""Mail that somebody waits for: from requests in the ledger to sends."""
