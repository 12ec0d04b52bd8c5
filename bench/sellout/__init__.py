"""One event sold out by a crowd, over HTTP: `python -m bench.sellout`."""
