"""What `profile scan` samples: the whole data path over clean texts of 1 KB, until it is killed."""

from __future__ import annotations

from benchmarks.texts import batch
from sidecar.app import load_snapshot


def main() -> None:
    """Inspect texts for ever; says on standard output when it is warm."""
    snapshot = load_snapshot()
    snapshot.warm()
    snapshot.warm_recognizers()
    check = snapshot.filter().check_text
    texts = batch(64, 1024)
    for text in texts:
        check(text)
    print("warm", flush=True)
    while True:
        for text in texts:
            check(text)


if __name__ == "__main__":
    main()
