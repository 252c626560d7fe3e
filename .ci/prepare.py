"""Install what a make target needs and this machine lacks.

System packages with apt, each only where its command, header or module is
missing; then a virtual environment with the Python packages of the extras in
``pyproject.toml``, and the npm packages that the tests use.  Nothing is asked
of the network when nothing is missing.  Without root, or without apt, it says
what to install and stops.
"""

import argparse
import fcntl
import glob
import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MINIMUM_PYTHON = (3, 11)

FUZZER = "/usr/lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.fuzzer-*.a"

# group, what must be there, the package of Debian and Ubuntu that brings it.
# A header is there also when pkg-config knows the library named after it.
NEEDS = [
    ("build", "command gcc", "gcc"),
    ("build", "header stdio.h", "libc6-dev"),
    ("build", "command make", "make"),
    ("build", "command pkg-config", "pkgconf"),
    ("build", "header libwebsockets.h libwebsockets", "libwebsockets-dev"),
    ("build", "header curl/curl.h libcurl", "libcurl4-openssl-dev"),
    ("build", "header cjson/cJSON.h libcjson", "libcjson-dev"),
    ("build", "header openssl/ssl.h openssl", "libssl-dev"),
    ("build", "header zlib.h zlib", "zlib1g-dev"),
    ("build", "header libdeflate.h libdeflate", "libdeflate-dev"),
    ("build", "python Python.h", "python3-dev"),
    ("build", "module ensurepip", "python3-venv"),
    ("build", "file /etc/ssl/certs/ca-certificates.crt", "ca-certificates"),
    ("test", "command node", "nodejs"),
    ("test", "command npm", "npm"),
    ("test", "command tinyproxy", "tinyproxy"),
    ("lint", "command clang", "clang"),
    ("lint", "command clang-format", "clang-format"),
    ("lint", "command clang-tidy", "clang-tidy"),
    ("lint", "command cppcheck", "cppcheck"),
    ("valgrind", "command valgrind", "valgrind"),
    ("fuzz", "command clang", "clang"),
    ("fuzz", f"file {FUZZER}", "libclang-rt-dev"),
    ("model", "command gcc", "gcc"),
    ("model", "header stdio.h", "libc6-dev"),
    ("model", "command spin", "spin"),
    ("packets", "command iptables", "iptables"),
    ("packets", "command ip", "iproute2"),
    ("packets", "command unshare", "util-linux"),
    ("roots", "command debootstrap", "debootstrap"),
    ("browser", "command chromium", "chromium"),
    ("browser", "file /usr/share/fonts/*/dejavu/DejaVuSans.ttf", "fonts-dejavu-core"),
    ("browser", "file /usr/share/fonts/*/inter/*", "fonts-inter"),
    ("wheel", "command curl", "curl"),
    ("wheel", "command cmake", "cmake"),
    ("wheel", "file /usr/share/perl/5*/FindBin.pm", "perl"),
]

# group -> extras of pyproject.toml
EXTRAS = {
    "build": [],
    "demo": ["sim", "cli"],
    "test": ["sim", "cli", "notebook", "test"],
    "lint": ["sim", "cli", "notebook", "test", "dev"],
    "docs": ["sim", "cli", "notebook", "test", "docs"],
    "packets": [],
    "lab": ["sim", "notebook", "lab"],
    "browser": ["sim", "notebook", "test", "lab", "browser"],
    "wheel": ["wheel"],
}

# group -> folder with a package.json
NODE_FOLDERS = {"test": "tests/node", "lint": "tests/typing"}


def say(text: str) -> None:
    """Print one line at once, so that it stands before a child's output."""
    print(text, flush=True)


def has_header(name: str, library: str) -> bool:
    """Look where the compiler looks, by default or by CPATH; ask pkg-config."""
    places = ["/usr/include", "/usr/local/include", "/usr/include/*-linux-*"]
    places += [p for p in os.environ.get("CPATH", "").split(":") if p]
    if any(glob.glob(f"{place}/{name}") for place in places):
        return True
    asked = os.environ.get("PKG_CONFIG", "pkg-config")
    if not library or shutil.which(asked) is None:
        return False
    return subprocess.run([asked, "--exists", library]).returncode == 0


def is_there(need: str) -> bool:
    """Tell whether one row of NEEDS is met."""
    kind, _, what = need.partition(" ")
    if kind == "command":
        return shutil.which(what) is not None
    if kind == "header":
        return has_header(*f"{what} ".split(" ")[:2])
    if kind == "python":
        return os.path.exists(os.path.join(sysconfig.get_path("include"), what))
    if kind == "module":
        return find_spec(what) is not None
    return bool(glob.glob(what))


def missing_packages(groups: list[str]) -> dict[str, str]:
    """Return package -> what is missing, for the groups."""
    return {
        package: need
        for group, need, package in NEEDS
        if group in groups and not is_there(need)
    }


def install_system(groups: list[str]) -> None:
    """Install the missing system packages, or say the one line that does."""
    missing = missing_packages(groups)
    if not missing:
        return
    # "command gcc", "header zlib.h": the library's name is not shown.
    say(f"missing: {', '.join(' '.join(n.split()[:2]) for n in missing.values())}")
    own = [p for p in ("python3-dev", "python3-venv") if p in missing]
    if own and sys.base_prefix != "/usr":
        sys.exit(
            f"{sys.executable} lacks {' and '.join(missing[p] for p in own)}; "
            "it is not the system's Python, so install these where it came "
            "from, or run make with PYTHON=/usr/bin/python3"
        )
    line = f"apt-get install -y --no-install-recommends {' '.join(missing)}"
    if shutil.which("apt-get") is None:
        sys.exit(
            "this machine has no apt-get: install the above with its own "
            "package manager and run make again (on Debian and Ubuntu: "
            f"{' '.join(missing)})"
        )
    if os.geteuid() != 0:
        sys.exit(f"run this line as root, then make again:\n\n  {line}\n")
    say(f"+ {line}")
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["apt-get", "update", "-qq"], [*line.split(), "-qq"]):
        done = subprocess.run(command, env=env, stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            sys.exit(f"failed: {' '.join(command)}")
    left = missing_packages(groups)
    if left:
        sys.exit(f"still missing after the installation: {left}")


def prepare_venv(venv: Path, groups: list[str]) -> None:
    """Create the virtual environment and install the groups' extras."""
    extras = sorted({extra for group in groups for extra in EXTRAS.get(group, [])})
    project = (ROOT / "pyproject.toml").read_bytes()
    version = "{}.{}".format(*sys.version_info)
    wanted = hashlib.sha256(project + version.encode()).hexdigest()
    stamps = {extra: venv / f".installed-{extra}" for extra in ["base", *extras]}
    python = venv / "bin" / "python"

    def is_current(stamp: Path) -> bool:
        return stamp.exists() and stamp.read_text() == wanted

    if python.exists() and all(map(is_current, stamps.values())):
        return
    import tomllib

    tables = tomllib.loads(project.decode())
    requirements = [*tables["build-system"]["requires"]]
    for extra in extras:
        requirements += tables["project"]["optional-dependencies"][extra]
    found = venv / f"lib/python{version}"
    if not (python.exists() and found.is_dir()):
        say(f"+ {sys.executable} -m venv {venv}")
        subprocess.run([sys.executable, "-m", "venv", "--clear", venv], check=True)
    pip = [python, "-m", "pip", "--disable-pip-version-check", "install", "-q"]
    say(f"+ pip install {' '.join(requirements)}")
    subprocess.run([*pip, *requirements], check=True)
    # The package in place; `make` builds its extension module.
    subprocess.run(
        [*pip, "--no-deps", "--no-build-isolation", "--editable", ROOT],
        check=True,
        env={**os.environ, "SGO_BUILD": "none"},
    )
    for stamp in stamps.values():
        stamp.write_text(wanted)


def prepare_node(folder: Path) -> None:
    """Install the npm packages that a test's package.json names."""
    wanted = (folder / "package.json").read_text()
    stamp = folder / "node_modules" / ".installed"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    command = ["npm", "install", "--no-package-lock", "--ignore-scripts"]
    command += ["--no-audit", "--no-fund", "--loglevel=error"]
    say(f"+ npm install (in {folder.relative_to(ROOT)})")
    subprocess.run(command, cwd=folder, check=True, stdin=subprocess.DEVNULL)
    stamp.write_text(wanted)


def main() -> None:
    if sys.version_info < MINIMUM_PYTHON:
        sys.exit(
            "sgostream needs Python {}.{} or newer; this is {} ({})".format(
                *MINIMUM_PYTHON, sys.version.split()[0], sys.executable
            )
        )
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("groups", nargs="+", metavar="GROUP")
    parser.add_argument("--venv", default=".venv")
    args = parser.parse_args()
    known = {group for group, _, _ in NEEDS} | set(EXTRAS)
    unknown = set(args.groups) - known
    if unknown:
        parser.error(f"no such group: {', '.join(sorted(unknown))}")
    venv = ROOT / args.venv
    lock_path = ROOT / ".prepare.lock"
    with open(lock_path, "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two makes at once take turns
        install_system(args.groups)
        try:
            prepare_venv(venv, args.groups)
            for group, folder in NODE_FOLDERS.items():
                if group in args.groups:
                    prepare_node(ROOT / folder)
        except subprocess.CalledProcessError as error:
            sys.exit(f"failed: {' '.join(map(str, error.cmd))}")


if __name__ == "__main__":
    main()
