"""Generates `sidecar/adapters/_pb` from the .proto files; `--check` only compares (CI)."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).parent
PACKAGE = ROOT.parent / "sidecar" / "adapters" / "_pb"
FILES = {
    "sidecar/v1/filter.proto": "filter",
    "sidecar/v1/rules.proto": "rules",
    "sidecar/extproc/v3/external_processor.proto": "external_processor",
}


def generate() -> dict[str, bytes]:
    """Return the generated modules, messages and their type stubs, by file name."""
    with tempfile.TemporaryDirectory() as folder:
        well_known = Path(protoc.__file__).parent / "_proto"
        arguments = ["protoc", f"-I{ROOT}", f"-I{well_known}", f"--python_out={folder}", f"--pyi_out={folder}"]
        if protoc.main([*arguments, *FILES]):
            sys.exit("protoc failed")
        return {
            f"{name}_pb2{suffix}": Path(folder, source).with_name(f"{Path(source).stem}_pb2{suffix}").read_bytes()
            for source, name in FILES.items()
            for suffix in (".py", ".pyi")
        }


def main() -> None:
    """Write the modules, or compare them."""
    modules = generate()
    if "--check" in sys.argv:
        stale = [name for name, content in modules.items() if (PACKAGE / name).read_bytes() != content]
        sys.exit(f"stale, run `make proto`: {', '.join(stale)}" if stale else 0)
    for name, content in modules.items():
        (PACKAGE / name).write_bytes(content)


if __name__ == "__main__":
    main()
