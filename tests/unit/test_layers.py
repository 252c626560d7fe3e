"""Dependencies point one way: the ``#include``s of C, the imports of Python.

base < json < pusher < feed < delivery < arrow < net < client < csrc/python, and
sgostream.h between the last two; sgostream.sim knows nothing of the client.
"""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LAYERS = (
    *("base", "json", "pusher", "feed", "delivery", "arrow", "net", "client"),
    "python",
)
PUBLIC_HEADER = "sgostream.h"
# Who may see a library at all; others are told in our own words.
LIBRARY_USERS = {
    "Python.h": {"python"},
    "cjson/": {"pusher", "feed", "client"},
    "curl/": {"net"},
    "libdeflate": {"net"},
    "libwebsockets": {"net"},
    "openssl/": {"net"},
    "zlib": {"net"},
}
# The brain is pure: what time it is and what is random comes as an argument.
PURE_LAYERS = {"json", "pusher", "feed"}
IMPURE = re.compile(
    r"\b(clock_gettime|gettimeofday|time|rand|random|getrandom|socket|connect"
    r"|send|recv|poll|select|epoll_wait|sleep|usleep|nanosleep)\s*\("
)
CLOCK_FREE_LAYERS = {"pusher", "feed"}
CLOCK_READ = re.compile(r"\bclock_now_ns\s*\(")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)
COMMENT = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', re.DOTALL)


def c_layer(path: Path) -> str:
    """Name the layer of a file below csrc/, given relative to csrc/."""
    if path.parts[0] == "python":
        return "python"
    return path.parts[1] if len(path.parts) > 2 else "client"


def include_faults(path: Path, text: str) -> Iterator[str]:
    """Say what is wrong with one C file; path is relative to csrc/."""
    own = c_layer(path)
    if own not in LAYERS:
        yield f"{path}: csrc/core/{own} is no layer"
        return
    for mark, name in INCLUDE.findall(text):
        where = f"{path}: #include {name}"
        for library, users in LIBRARY_USERS.items():
            if mark == "<" and name.startswith(library) and own not in users:
                yield f"{where}: only {', '.join(sorted(users))} may"
        if mark == "<":
            continue
        if path.as_posix() == f"core/{PUBLIC_HEADER}":
            if name != "base/types.h":
                yield f"{where}: the public header shows base/types.h alone"
        elif own == "python":
            if name != PUBLIC_HEADER and not (ROOT / "csrc/python" / name).exists():
                yield f"{where}: the binding sees only {PUBLIC_HEADER}"
        elif name == PUBLIC_HEADER:
            if own != "client":
                yield f"{where}: points up"
        else:
            layer = name.split("/")[0] if "/" in name else "client"
            if layer not in LAYERS:
                yield f"{where}: write it relative to csrc/core"
            elif LAYERS.index(layer) > LAYERS.index(own):
                yield f"{where}: {own} must not know {layer}"
    code = COMMENT.sub(" ", text)
    if own in PURE_LAYERS:
        for call in IMPURE.findall(code):
            yield f"{path}: {own} is pure and must not call {call}()"
    if own in CLOCK_FREE_LAYERS and CLOCK_READ.search(code):
        yield f"{path}: {own} gets the time as an argument"


def import_faults(path: Path, text: str) -> Iterator[str]:
    """Say what is wrong with one Python file; path is relative to sgostream/."""
    parts = ["sgostream", *path.with_suffix("").parts]
    package = parts[:-1]
    area = path.parts[0] if len(path.parts) > 1 else ""
    tree = ast.parse(text)
    at_import_time = set(nodes_at_import_time(tree))
    for node in ast.walk(tree):
        for name in imported_names(node, package):
            if name != "sgostream" and not name.startswith("sgostream."):
                continue
            where = f"sgostream/{path}:{node.lineno}: import of {name}"
            target = name.split(".")[1] if "." in name else ""
            if area == "sim":
                if target != "sim":
                    yield f"{where}: the simulator knows nothing of the client"
            elif area in ("cli", "testing") or path.stem in ("testing", "notebook"):
                if target == "_core":
                    yield f"{where}: only the wrapper's own modules may"
            elif target == "" and path.stem not in ("__init__", "__main__"):
                yield f"{where}: a private module must not import its own face"
            elif target in ("cli", "sim", "testing") and node in at_import_time:
                if path.stem != "__main__":
                    yield f"{where}: at import time the wrapper needs none of it"


def nodes_at_import_time(tree: ast.AST) -> Iterator[ast.AST]:
    """Walk what runs on import: no function bodies, no ``if TYPE_CHECKING``."""
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        yield child
        yield from nodes_at_import_time(child)


def imported_names(node: ast.AST, package: list[str]) -> list[str]:
    """Return the absolute names that an import statement names."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if not isinstance(node, ast.ImportFrom):
        return []
    base = node.module or ""
    if node.level:
        above = package[: len(package) - node.level + 1]
        base = ".".join([*above, *([base] if base else [])])
    if base == "sgostream":
        # `from sgostream import _core` names the module _core; a name in
        # capitals or of the face stands for the face itself.
        return [
            f"{base}.{alias.name}" if is_module(alias.name) else base
            for alias in node.names
        ]
    return [base]


def is_module(name: str) -> bool:
    folder = ROOT / "sgostream"
    return (
        name in ("_core", "sim", "cli", "testing", "notebook")
        or (folder / f"{name}.py").exists()
        or (folder / name).is_dir()
    )


def c_files() -> list[Path]:
    return sorted((ROOT / "csrc").rglob("*.[ch]"))


def test_c_includes_point_down() -> None:
    files = c_files()
    assert files
    faults = [
        fault
        for path in files
        for fault in include_faults(path.relative_to(ROOT / "csrc"), path.read_text())
    ]
    assert not faults, "\n".join(faults)


def test_python_imports_point_down() -> None:
    files = sorted((ROOT / "sgostream").rglob("*.py"))
    assert files
    faults = [
        fault
        for path in files
        for fault in import_faults(
            path.relative_to(ROOT / "sgostream"), path.read_text()
        )
    ]
    assert not faults, "\n".join(faults)


def test_examples_use_the_public_face() -> None:
    faults = []
    for path in sorted((ROOT / "examples").rglob("*.c")):
        for mark, name in INCLUDE.findall(path.read_text()):
            if mark == '"' and name != PUBLIC_HEADER:
                faults.append(f"{path.name}: #include {name}")
    for path in sorted((ROOT / "examples").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            for name in imported_names(node, ["examples"]):
                if name.startswith("sgostream._"):
                    faults.append(f"{path.name}: import of {name}")
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize(
    ("path", "text", "fault"),
    [
        ("core/base/map.c", '#include "json/scan.h"', "must not know json"),
        ("core/json/scan.c", '#include "feed/feed.h"', "must not know feed"),
        ("core/pusher/message.c", '# include "net/loop.h"', "must not know net"),
        ("core/net/loop.c", '#include "client.h"', "must not know client"),
        ("core/delivery/take.c", '#include "arrow/batch.h"', "must not know arrow"),
        ("core/net/loop.c", '#include "sgostream.h"', "points up"),
        ("core/feed/plan.c", '#include "../net/loop.h"', "relative to csrc/core"),
        ("core/feed/plan.c", "#include <curl/curl.h>", "only net"),
        ("core/json/scan.c", "#include <cjson/cJSON.h>", "only client, feed"),
        ("core/client.c", "#include <Python.h>", "only python"),
        ("core/feed/plan.c", "int x = time(NULL);", "is pure"),
        ("core/feed/plan.c", "x = clock_now_ns();", "as an argument"),
        ("core/extra/x.c", "", "is no layer"),
        ("core/sgostream.h", '#include "base/map.h"', "base/types.h alone"),
        ("python/client.c", '#include "sgostream.h"', None),
        ("python/client.c", '#include "client_engine.h"', "sees only"),
        ("python/client.c", '#include "base/types.h"', "sees only"),
        ("core/client.c", '#include "sgostream.h"', None),
        ("core/client_stats.c", '#include "net/loop.h"', None),
        ("core/feed/plan.c", '/* time(2) */ log("send(");', None),
    ],
)
def test_a_planted_include_is_found(path: str, text: str, fault: str | None) -> None:
    check_planted(list(include_faults(Path(path), text)), fault)


@pytest.mark.parametrize(
    ("path", "text", "fault"),
    [
        ("sim/server.py", "from .. import _errors", "nothing of the client"),
        ("sim/server.py", "import sgostream", "nothing of the client"),
        ("sim/server.py", "from sgostream.sim import plan", None),
        ("sim/server.py", "from . import plan", None),
        ("_client.py", "from . import sim", "at import time"),
        ("_client.py", "try:\n    import sgostream.cli\nfinally: pass", "import time"),
        ("_client.py", "def f():\n    from .sim import play", None),
        ("_client.py", "from sgostream import Client", "its own face"),
        ("_client.py", "from . import _core", None),
        ("__init__.py", "from ._client import Client", None),
        ("cli/board.py", "from .. import _core", "own modules"),
        ("cli/board.py", "from sgostream.sim import play", None),
    ],
)
def test_a_planted_import_is_found(path: str, text: str, fault: str | None) -> None:
    check_planted(list(import_faults(Path(path), text)), fault)


def check_planted(found: list[str], fault: str | None) -> None:
    if fault is None:
        assert found == []
    else:
        assert len(found) == 1
        assert fault in found[0]


def test_importing_the_package_loads_no_extra() -> None:
    code = (
        "import sys, sgostream\n"
        "extra = ('sgostream.sim', 'sgostream.cli', 'aiohttp', 'rich')\n"
        "print([name for name in extra if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_each_header_stands_alone() -> None:
    command = [
        *shlex.split(sysconfig.get_config_var("CC") or "cc")[:1],
        *("-std=gnu11", "-D_GNU_SOURCE", "-fsyntax-only", "-x", "c"),
        f"-I{ROOT / 'csrc' / 'core'}",
        f"-I{sysconfig.get_path('include')}",
    ]

    def complaint(header: Path) -> str:
        # Through an including file: a header given itself warns of #pragma once.
        done = subprocess.run(
            [*command, "-"],
            input=f'#include "{header}"\n',
            capture_output=True,
            text=True,
        )
        return done.stderr if done.returncode else ""

    headers = [path for path in c_files() if path.suffix == ".h"]
    assert headers
    with ThreadPoolExecutor(2) as pool:
        complaints = list(filter(None, pool.map(complaint, headers)))
    assert not complaints, "\n".join(complaints)
