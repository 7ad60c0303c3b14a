"""What the ledger says about the ends that a plan has ahead: who is left, who would be hit, and when."""
