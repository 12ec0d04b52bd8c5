"""`python -m billetter` is the command `billetter`."""

from billetter.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
