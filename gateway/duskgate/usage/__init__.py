"""Who still calls it: metrics, the access log and the ledger."""
