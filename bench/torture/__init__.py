"""Faults and loads under which Billetter must stay right: `python -m bench.torture`."""
