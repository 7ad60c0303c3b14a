"""Who still calls it: metrics and the access log."""
