"""Copies of requests for another version, and what its answers have in common with the first one's.

Nothing here may delay, change or fail a caller's answer.
"""
