"""Measurements and tortures: programs run as `python -m bench…`, on loopback only."""
