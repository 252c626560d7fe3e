"""Build sdist and wheel; install each into an empty venv; import it outside.

What a user gets by ``pip install``: isolated build, no extra, another folder.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import tempfile
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NOT_SHIPPED = (
    "tests/",
    "benchmarks/",
    "packaging/",
    ".ci/",
    ".venv/",
    "build/",
    "dist/",
)

SMOKE = """
import importlib.metadata, json, pathlib, sys
import sgostream
from sgostream import _core
print(json.dumps({
    "package": sgostream.__file__,
    "core": _core.__file__,
    "version": importlib.metadata.version("sgostream"),
    "own_version": sgostream.__version__,
    "requires": importlib.metadata.requires("sgostream") or [],
    "typed": (pathlib.Path(sgostream.__file__).parent / "py.typed").exists(),
}))
"""


def run(*command: object, cwd: Path | None = None) -> str:
    """Run a command without our paths in its environment; show it if it fails."""
    env = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "LD_PRELOAD")}
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=cwd, env=env, capture_output=True, text=True)
    if done.returncode != 0:
        print(done.stdout, done.stderr, sep="\n")
        sys.exit(f"failed: {' '.join(words)}")
    return done.stdout


def check(condition: object, text: str) -> None:
    if not condition:
        sys.exit(f"wheel-test: {text}")


def check_sdist(path: Path, tracked: list[str]) -> None:
    """The sdist has what a build needs, and nothing of the workshop."""
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    wanted = [name for name in tracked if name.startswith(("csrc/", "sgostream/"))]
    lacking = sorted(name for name in wanted if name not in names)
    check(not lacking, f"the sdist lacks {lacking}")
    strangers = sorted(name for name in names if name.startswith(NOT_SHIPPED))
    check(not strangers, f"the sdist holds {strangers}")
    check("LICENSE" in names, "the sdist lacks LICENSE")


def check_wheel(path: Path) -> None:
    """The wheel has the package, the module, the license; no sources."""
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    roots = {name.split("/")[0] for name in names}
    check(
        all(r == "sgostream" or r.endswith(".dist-info") for r in roots),
        f"the wheel installs {roots}",
    )
    check(any(n.startswith("sgostream/_core.") for n in names), "no _core in it")
    check("sgostream/py.typed" in names, "no py.typed in it")
    check(any(n.endswith("/LICENSE") for n in names), "no LICENSE in it")
    sources = [name for name in names if name.endswith((".c", ".h"))]
    check(not sources, f"the wheel holds {sources}")


def install_and_import(what: Path, folder: Path) -> None:
    """Install into a new venv and import from a folder that is not the tree."""
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    run(python, "-m", "pip", "install", "-q", what)
    told = json.loads(run(python, "-W", "error", "-c", SMOKE, cwd=folder))
    for key in ("package", "core"):
        check(told[key].startswith(str(folder)), f"{key} came from {told[key]}")
    check(told["version"] == told["own_version"], f"two versions: {told}")
    check(told["typed"], "py.typed was not installed")
    unconditional = [need for need in told["requires"] if "extra ==" not in need]
    check(not unconditional, f"it requires {unconditional}")
    print(f"  {what.name}: installed alone, sgostream {told['version']} imported")


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="sgostream-wheel-") as name:
        folder = Path(name)
        # A copy of what git would give: nothing that lies about here may help.
        clone = folder / "clone"
        clone.mkdir()
        listed = run("git", "ls-files", "-z", cwd=ROOT).split("\0")
        files = [file for file in listed if file and (ROOT / file).exists()]
        for file in files:
            target = clone / file
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes((ROOT / file).read_bytes())
        out = folder / "out"
        run(sys.executable, "-m", "build", "--outdir", out, clone)  # wheel from sdist
        (sdist,) = out.glob("*.tar.gz")
        (wheel,) = out.glob("*.whl")
        check_sdist(sdist, files)
        check_wheel(wheel)
        install_and_import(wheel, folder / "venv-wheel")
        install_and_import(clone, folder / "venv-tree")


if __name__ == "__main__":
    main()
