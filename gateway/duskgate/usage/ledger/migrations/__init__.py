"""The steps by which a ledger's tables change, run by Alembic (``schema.py`` calls it).

Each step is one of two kinds. *Expand* adds what the next release wants: tables, indexes, and columns with a
default in the database; the release before does not notice. *Contract* takes away what no release in use
wants any more, a release later at the earliest, and raises ``ledger_schema.needs``, so that a release that
would break says so instead.
"""
