"""Build the extension module ``sgostream._core``; the rest is pyproject.toml.

Environment
-----------
PKG_CONFIG
    The pkg-config command to ask.
SGO_<LIBRARY>_CFLAGS, SGO_<LIBRARY>_LIBS
    Flags for one library instead of pkg-config's, for example
    ``SGO_LIBCURL_LIBS="-L/opt/curl/lib -lcurl"``.
SGO_STATIC
    A prefix of static libraries (``packaging/build_deps.sh``): the module takes
    them in and shows none of their names.
SGO_BUILD
    asan, tsan, debug, coverage: instrumented builds; none: Python files only.
CC, CFLAGS, LDFLAGS
    As for every setuptools build.
"""

import functools
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext as _build_ext

if sys.platform == "win32":
    sys.exit(
        "sgostream does not support Windows: its core needs POSIX threads, and "
        "epoll or kqueue. Use it on Linux, in WSL, or on macOS."
    )

import fcntl

ROOT = Path(__file__).resolve().parent
SYSTEMS = ("Debian/Ubuntu", "Fedora", "Alpine", "macOS (Homebrew)")
INSTALL = ("apt install", "dnf install", "apk add", "brew install")


@dataclass(frozen=True)
class Library:
    """A library that pkg-config finds, and who packages it under which name."""

    name: str
    minimum: str
    packages: tuple[str, ...]

    @property
    def variable(self) -> str:
        return f"SGO_{self.name.upper()}"


# name, oldest version, packages in the order of SYSTEMS
LWS = ("libwebsockets-dev", "libwebsockets-devel", "libwebsockets-dev", "libwebsockets")
CURL = ("libcurl4-openssl-dev", "libcurl-devel", "curl-dev", "curl")
CJSON = ("libcjson-dev", "cjson-devel", "cjson-dev", "cjson")
OPENSSL = ("libssl-dev", "openssl-devel", "openssl-dev", "openssl@3")
ZLIB = ("zlib1g-dev", "zlib-devel", "zlib-dev", "zlib")
LIBDEFLATE = ("libdeflate-dev", "libdeflate-devel", "libdeflate-dev", "libdeflate")
LIBRARIES = (
    Library("libwebsockets", "4.1", LWS),
    Library("libcurl", "7.87", CURL),
    Library("libcjson", "1.7.14", CJSON),
    Library("openssl", "3.0", OPENSSL),
    Library("zlib", "1.2.11", ZLIB),
)
# Used where it is there: a third of zlib's time for a whole body.
OPTIONAL = (Library("libdeflate", "1.10", LIBDEFLATE),)
PKG_CONFIG_PACKAGES = ("pkgconf", "pkgconf-pkg-config", "pkgconf", "pkgconf")
PYTHON_PACKAGES = ("python3-dev", "python3-devel", "python3-dev", "python@3")

SANITIZE = ["-O1", "-g", "-fno-omit-frame-pointer"]
UBSAN = ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]
FLAVOURS: dict[str, tuple[list[str], list[str]]] = {
    "": ([], []),
    "debug": (["-O0", "-g3"], []),
    "asan": ([*SANITIZE, *UBSAN], UBSAN),
    "tsan": ([*SANITIZE, "-fsanitize=thread"], ["-fsanitize=thread"]),
    "coverage": (["-O0", "-g", "--coverage"], ["--coverage"]),
}
FORTIFY = ["-U_FORTIFY_SOURCE", "-D_FORTIFY_SOURCE=2"]


class BuildError(SystemExit):
    """What is missing and how to get it, without a traceback."""


def install_help(packages: tuple[str, ...]) -> str:
    """Say the command of each system that brings a package."""
    return "\n".join(
        f"  {system + ':':<18} {command} {package}"
        for system, command, package in zip(SYSTEMS, INSTALL, packages, strict=True)
    )


def find_pkg_config() -> str | None:
    return shutil.which(os.environ.get("PKG_CONFIG", "pkg-config"))


def ask_pkg_config(command: str, *arguments: str) -> str | None:
    """Return what pkg-config prints, None if it refuses."""
    env = dict(os.environ)
    prefix = env.get("SGO_STATIC")
    if prefix:  # these and no others
        env["PKG_CONFIG_LIBDIR"] = str(Path(prefix).resolve() / "lib" / "pkgconfig")
        env.pop("PKG_CONFIG_PATH", None)
        arguments = ("--static", *arguments)
    done = subprocess.run(
        [command, *arguments], capture_output=True, text=True, env=env
    )
    return done.stdout.strip() if done.returncode == 0 else None


def library_flags(
    library: Library, *, required: bool = True
) -> tuple[list[str], list[str]] | None:
    """Return compiler and linker flags: the environment's, else pkg-config's."""
    name = library.name
    cflags = os.environ.get(f"{library.variable}_CFLAGS")
    libs = os.environ.get(f"{library.variable}_LIBS")
    if libs is not None:
        return shlex.split(cflags or ""), shlex.split(libs)
    override = (
        f"Or say where it is: {library.variable}_CFLAGS and {library.variable}_LIBS"
    )
    command = find_pkg_config()
    if command is None:
        if not required:
            return None
        raise BuildError(
            f"sgostream needs {name} and finds it with pkg-config, which is not "
            f"installed. Install it:\n{install_help(PKG_CONFIG_PACKAGES)}\n"
            f"and {name}:\n{install_help(library.packages)}\n{override}."
        )
    if ask_pkg_config(command, f"--atleast-version={library.minimum}", name) is None:
        if not required:
            return None
        found = ask_pkg_config(command, "--modversion", name)
        trouble = f"is too old here ({found})" if found else "is not installed"
        raise BuildError(
            f"sgostream needs {name} {library.minimum} or newer, which {trouble}. "
            f"Install it:\n{install_help(library.packages)}\n{override}."
        )
    cflags = ask_pkg_config(command, "--cflags", name)
    libs = ask_pkg_config(command, "--libs", name)
    if cflags is None or libs is None:
        raise BuildError(
            f"{command} knows {name} but not what it requires: "
            f"see `{command} --libs {name}`. {override}."
        )
    return shlex.split(cflags), shlex.split(libs)


def project_version() -> str:
    """Return the one version there is, which the public header states."""
    header = ROOT / "csrc" / "core" / "sgostream.h"
    found = re.search(
        r'^#define SGO_VERSION "(.+)"$', header.read_text(encoding="utf-8"), re.M
    )
    if found is None:
        raise BuildError(f"{header} does not define SGO_VERSION")
    return found[1]


def core_extension() -> Extension:
    """Describe the extension; flags of libraries are added when it is built."""
    sources = sorted(
        path.relative_to(ROOT).as_posix()
        for pattern in ("core/**/*.c", "python/*.c")
        for path in (ROOT / "csrc").glob(pattern)
    )
    headers = sorted(
        path.relative_to(ROOT).as_posix() for path in (ROOT / "csrc").rglob("*.h")
    )
    return Extension(
        "sgostream._core",
        sources,
        include_dirs=["csrc/core"],
        depends=headers,
        define_macros=[("_GNU_SOURCE", None)],
        extra_compile_args=[
            "-std=gnu11",
            "-pthread",
            "-fvisibility=hidden",
            "-fstack-protector-strong",
            "-Wall",
            "-Wextra",
        ],
        extra_link_args=["-pthread", "-lm"],
    )


class build_ext(_build_ext):  # noqa: N801
    """Find libraries, compile what changed, several files at a time."""

    def run(self) -> None:
        flavour = os.environ.get("SGO_BUILD", "")
        if flavour == "none":
            return
        if flavour not in FLAVOURS:
            known = ", ".join([*filter(None, FLAVOURS), "none"])
            raise BuildError(f"SGO_BUILD={flavour!r} is not one of {known}")
        if not (Path(sysconfig.get_path("include")) / "Python.h").exists():
            raise BuildError(
                "sgostream needs the headers of Python (Python.h). Install them:\n"
                + install_help(PYTHON_PACKAGES)
            )
        for extension in self.extensions:
            self.add_flags(extension, flavour)
        if flavour:
            self.build_temp = f"{self.build_temp}-{flavour}"
        if os.environ.get("SGO_STATIC"):
            self.build_temp = f"{self.build_temp}-static"
            self.force = True  # link anew; what is current is not compiled again
        temp = Path(self.build_temp)
        temp.mkdir(parents=True, exist_ok=True)
        with open(temp.parent / ".lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # two builds at once take turns
            # Flavours have objects of their own, but share one place in the tree.
            last = temp.parent / "last-in-place"
            if self.inplace and last.exists() and last.read_text() != flavour:
                self.force = True
            super().run()
            if self.inplace:
                last.write_text(flavour)

    def add_flags(self, extension: Extension, flavour: str) -> None:
        """Add the flags of the libraries, of hardening and of the flavour."""
        for library in LIBRARIES:
            cflags, libs = library_flags(library) or ([], [])
            extension.extra_compile_args += cflags
            extension.extra_link_args += libs
        for library in OPTIONAL:
            flags = library_flags(library, required=False)
            if flags is not None:
                extension.define_macros.append(
                    (f"SGO_HAVE_{library.name.upper()}", "1")
                )
                extension.extra_compile_args += flags[0]
                extension.extra_link_args += flags[1]
        compile_args, link_args = FLAVOURS[flavour]
        extension.extra_compile_args += compile_args
        extension.extra_link_args += link_args
        if flavour:
            extension.undef_macros.append("NDEBUG")  # asserts stay in
        if sys.platform.startswith("linux"):
            extension.extra_link_args[:0] = ["-Wl,--as-needed"]
            extension.extra_link_args += ["-Wl,-z,relro,-z,now", "-Wl,-z,noexecstack"]
            if not flavour:
                extension.extra_compile_args += FORTIFY
            if os.environ.get("SGO_STATIC"):
                extension.extra_link_args += [
                    *("-Wl,--exclude-libs,ALL", "-Wl,--gc-sections"),
                    "-Wl,--strip-debug",
                ]

    def build_extensions(self) -> None:
        self.compiler.compile = functools.partial(
            compile_changed, self.compiler.compile, self.compiler.object_filenames
        )
        super().build_extensions()


def is_current(target: str, source: str, flags: str) -> bool:
    """Tell whether an object is newer than all that its .d file names."""
    try:
        built = os.stat(target).st_mtime_ns
        if Path(target + ".flags").read_text() != flags:
            return False
        rule = Path(target).with_suffix(".d").read_text()
        needed = rule.replace("\\\n", " ").split(":", 1)[1].split()
        return all(os.stat(path).st_mtime_ns <= built for path in [source, *needed])
    except (OSError, IndexError):
        return False


def compile_changed(compile_files, object_filenames, sources, output_dir=None, **rest):
    """Compile the sources whose object is not current, in parallel."""
    flags = repr(sorted((key, str(value)) for key, value in rest.items()))
    rest["extra_postargs"] = [*(rest.get("extra_postargs") or []), "-MMD"]

    def compile_one(source: str) -> str:
        (target,) = object_filenames([source], output_dir=output_dir or "")
        if not is_current(target, source, flags):
            compile_files([source], output_dir=output_dir, **rest)
            Path(target + ".flags").write_text(flags)
        return target

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        return list(pool.map(compile_one, sources))


setup(
    version=project_version(),
    ext_modules=[core_extension()],
    cmdclass={"build_ext": build_ext},
)
