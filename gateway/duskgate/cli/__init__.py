"""The command line: parsing and wiring only."""
