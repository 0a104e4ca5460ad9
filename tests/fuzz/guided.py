"""Coverage-guided fuzzing of one target by atheris: `python -m tests.fuzz.guided TARGET [libFuzzer options]`."""

import sys

import atheris

with atheris.instrument_imports(include=["sidecar"]):
    from tests.fuzz.targets import TARGETS, seeds, snapshot


def main():
    """Fuzz until the options say stop; a crash is written to a file beside it."""
    import pathlib

    name = sys.argv.pop(1)
    snapshot()
    corpus = pathlib.Path("out/fuzz/corpus", name)
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds()[name]):
        (corpus / f"seed-{number}").write_bytes(seed)
    atheris.Setup([sys.argv[0], str(corpus), "-max_len=4096", "-timeout=10", *sys.argv[1:]], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
