"""setup.py: what it says when something is missing, and what it compiles."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LIBRARIES = ("libwebsockets", "libcurl", "libcjson", "openssl", "zlib")

FAKE_PKG_CONFIG = """#!/bin/sh
# A pkg-config that knows nothing of $MISSING and an old version of $OLD.
for argument; do last=$argument; done
case "$1 $last" in
*" $MISSING") exit 1 ;;
"--atleast-version="*" $OLD") exit 1 ;;
"--modversion $OLD") echo 0.9 ;;
"--libs "*) echo "-l$last" ;;
esac
"""


def build(cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run build_ext in a folder with only these variables beside the usual."""
    usual = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}
    return subprocess.run(
        [sys.executable, "setup.py", "-q", "build_ext", "--build-lib", "out"],
        cwd=cwd,
        env={**usual, **env},
        capture_output=True,
        text=True,
    )


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Return a copy of what setup.py reads, with a core of two small files."""
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path / name)
    core = tmp_path / "csrc" / "core"
    (core / "base").mkdir(parents=True)
    (core / "sgostream.h").write_text('#define SGO_VERSION "0.1.0"\n')
    (core / "base" / "one.h").write_text("int one(void);\n")
    (core / "base" / "one.c").write_text(
        '#include "base/one.h"\nint one(void) { return 1; }\n'
    )
    (core / "base" / "two.c").write_text("int two(void) { return 2; }\n")
    package = tmp_path / "sgostream"
    package.mkdir()
    (package / "__init__.py").touch()
    return tmp_path


@pytest.fixture
def fake_pkg_config(tmp_path: Path) -> str:
    path = tmp_path / "fake-pkg-config"
    path.write_text(FAKE_PKG_CONFIG)
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    ("library", "packages"),
    [
        (
            "libwebsockets",
            "libwebsockets-dev libwebsockets-devel libwebsockets-dev libwebsockets",
        ),
        ("libcurl", "libcurl4-openssl-dev libcurl-devel curl-dev curl"),
        ("libcjson", "libcjson-dev cjson-devel cjson-dev cjson"),
        ("openssl", "libssl-dev openssl-devel openssl-dev openssl@3"),
        ("zlib", "zlib1g-dev zlib-devel zlib-dev zlib"),
    ],
)
def test_a_missing_library_names_its_package_on_each_system(
    tree: Path, fake_pkg_config: str, library: str, packages: str
) -> None:
    done = build(tree, PKG_CONFIG=fake_pkg_config, MISSING=library)
    assert done.returncode != 0
    assert f"sgostream needs {library} " in done.stderr
    assert "is not installed" in done.stderr
    apt, dnf, apk, brew = packages.split()
    for line in (
        f"  Debian/Ubuntu:     apt install {apt}\n",
        f"  Fedora:            dnf install {dnf}\n",
        f"  Alpine:            apk add {apk}\n",
        f"  macOS (Homebrew):  brew install {brew}\n",
    ):
        assert line in done.stderr
    assert f"SGO_{library.upper()}_LIBS" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_old_library_is_refused_with_both_versions(
    tree: Path, fake_pkg_config: str
) -> None:
    done = build(tree, PKG_CONFIG=fake_pkg_config, OLD="libcurl")
    assert done.returncode != 0
    assert "needs libcurl 7.87 or newer, which is too old here (0.9)" in done.stderr


def test_without_pkg_config_it_names_both_packages(tree: Path) -> None:
    done = build(tree, PKG_CONFIG="/nonexistent/pkg-config")
    assert done.returncode != 0
    assert "dnf install pkgconf-pkg-config" in done.stderr
    assert "apk add libwebsockets-dev" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_environment_replaces_pkg_config(tree: Path) -> None:
    flags = {f"SGO_{name.upper()}_LIBS": "" for name in LIBRARIES}
    done = build(tree, PKG_CONFIG="/nonexistent/pkg-config", **flags)
    assert (done.returncode, done.stderr) == (0, "")


def test_an_unknown_flavour_is_refused(tree: Path) -> None:
    done = build(tree, SGO_BUILD="fast")
    assert done.returncode != 0
    assert "SGO_BUILD='fast' is not one of debug, asan" in done.stderr


def test_windows_is_refused_in_words(tree: Path) -> None:
    code = (
        "import setuptools.command.build_ext, subprocess, sys, sysconfig\n"
        "sys.platform = 'win32'\n"
        "exec(compile(open('setup.py').read(), 'setup.py', 'exec'))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tree,
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert "sgostream does not support Windows" in done.stderr
    assert "Traceback" not in done.stderr


def test_only_what_changed_is_compiled_again(tree: Path) -> None:
    flags = {f"SGO_{name.upper()}_LIBS": "" for name in LIBRARIES}

    def built() -> dict[str, int]:
        done = build(tree, **flags)
        assert (done.returncode, done.stderr) == (0, "")
        return {
            path.stem: path.stat().st_mtime_ns
            for path in (tree / "build").rglob("*.o")
            if path.parent.name == "base"
        }

    first = built()
    assert set(first) == {"one", "two"}
    assert built() == first
    (tree / "csrc/core/base/one.h").write_text("int one(void); /* new */\n")
    second = built()
    assert second["two"] == first["two"]
    assert second["one"] > first["one"]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="ELF only")
def test_the_extension_is_hardened_and_exports_only_its_own() -> None:
    readelf, nm = shutil.which("readelf"), shutil.which("nm")
    assert readelf, "binutils comes with gcc"
    assert nm
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    module = ROOT / "sgostream" / f"_core{suffix}"

    def run(*command: str) -> str:
        return subprocess.run(
            [*command, str(module)], capture_output=True, text=True, check=True
        ).stdout

    headers = run(readelf, "-lW")
    assert "GNU_RELRO" in headers
    assert re.search(r"GNU_STACK .* RW ", headers)
    assert "BIND_NOW" in run(readelf, "-dW")
    exported = [
        line.split()[-1] for line in run(nm, "-D", "--defined-only").split("\n") if line
    ]
    strangers = [n for n in exported if not n.startswith(("sgo_", "PyInit_", "_"))]
    assert strangers == []
