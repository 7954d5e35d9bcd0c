"""Reads the definitions of one code location and writes them as a snapshot.

Needs nothing but Dagster (1.9 to 1.13) and Python (3.9 and up).
"""
