"""Mutants of scripts that no test can notice, because nobody could."""

EQUIVALENT: dict[tuple[str, str], str] = {}
"""Script and what was taken out of it, as a mutant names it: why that makes no difference."""
