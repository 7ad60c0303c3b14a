"""The ledger: who called what, when. Written by each worker, read by ``reader``; see docs/usage.md."""
