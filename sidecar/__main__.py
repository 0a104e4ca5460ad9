"""`python -m sidecar`: the same command line as `sidecar`."""

from sidecar.cli import main

__all__ = ["main"]

if __name__ == "__main__":
    main()
