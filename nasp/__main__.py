"""`python -m nasp`: the same as the console script `nasp`."""

from nasp.cli.main import run

if __name__ == "__main__":
    run()
