"""The workshop's own promises: set-up, skips, runners, one version."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import sgostream

ROOT = Path(__file__).resolve().parents[2]
PREPARE = ROOT / ".ci" / "prepare.py"
RUN_CTESTS = ROOT / "tests" / "tools" / "run_ctests.py"
STEPS = ROOT / ".ci" / "steps.py"


def run(*command: object, **options: object) -> subprocess.CompletedProcess[str]:
    words = [str(word) for word in command]
    return subprocess.run(  # type: ignore[call-overload, no-any-return]
        words, capture_output=True, text=True, stdin=subprocess.DEVNULL, **options
    )


# --- one version


def test_header_metadata_and_changelog_name_one_version() -> None:
    header = (ROOT / "csrc/core/sgostream.h").read_text()
    found = re.search(r'^#define SGO_VERSION "(.+)"$', header, re.MULTILINE)
    assert found
    assert sgostream.__version__ == found[1]
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest
    assert newest[1] == found[1]


def test_a_release_tag_names_the_version() -> None:
    done = run("git", "tag", "--points-at", "HEAD", cwd=ROOT)
    for tag in done.stdout.split():
        assert tag == f"v{sgostream.__version__}"


# --- set-up


@pytest.fixture
def bare_path(tmp_path: Path) -> Path:
    """Return a PATH folder in which apt-get exists and compilers do not."""
    folder = tmp_path / "bin"
    folder.mkdir()
    apt = folder / "apt-get"
    apt.write_text(f'#!/bin/sh\necho "$@" >>{tmp_path}/apt-called\nexit 1\n')
    apt.chmod(0o755)
    return folder


def prepare_as_user(path: Path) -> subprocess.CompletedProcess[str]:
    """Run the set-up as somebody who is not root, with this PATH."""
    code = (
        f"import os, runpy, sys; sys.argv = [{str(PREPARE)!r}, 'build', 'lint']\n"
        "os.geteuid = lambda: 1000\n"
        f"runpy.run_path({str(PREPARE)!r}, run_name='__main__')"
    )
    return run(sys.executable, "-c", code, env={"PATH": str(path)})


def test_without_root_the_setup_prints_the_one_line_and_stops(
    bare_path: Path, tmp_path: Path
) -> None:
    done = prepare_as_user(bare_path)
    assert done.returncode == 1
    lines = [line for line in done.stderr.splitlines() if "apt-get install" in line]
    assert len(lines) == 1
    packages = lines[0].split()
    assert {"gcc", "make", "pkgconf", "clang", "cppcheck"} <= set(packages)
    assert "nodejs" not in packages  # nobody asked for the tests' needs
    assert not (tmp_path / "apt-called").exists()


def test_without_apt_the_setup_names_what_is_missing(tmp_path: Path) -> None:
    done = prepare_as_user(tmp_path)
    assert done.returncode == 1
    assert "no apt-get" in done.stderr
    assert "command gcc" in done.stdout


# --- skips


@pytest.fixture
def skipping_tree(tmp_path: Path) -> Path:
    """Return a project with our conftest and tests that skip."""
    (tmp_path / "tests").mkdir()
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / "tests" / "conftest.py", tmp_path / "tests" / "conftest.py")
    (tmp_path / "tests" / "test_it.py").write_text(
        "import pytest\n"
        "def test_runs(): pass\n"
        "def test_skips(): pytest.skip('no node here')\n"
    )
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    return tmp_path


def pytest_in(tree: Path, allowed: str, **env: str) -> tuple[int, str]:
    (tree / ".ci" / "allowed-skips").write_text(f"# list\n{allowed}\n")
    ours = ("PYTEST", "SGO_", "CI")
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
    done = run(
        *(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "tests"),
        cwd=tree,
        env={**inherited, "CI": "true", **env},
    )
    return done.returncode, done.stdout


def test_in_ci_an_unlisted_skip_fails_the_run(skipping_tree: Path) -> None:
    code, text = pytest_in(skipping_tree, "tests/test_it.py::test_other: no node")
    assert code == 1
    assert "tests/test_it.py::test_skips: no node here" in text


@pytest.mark.parametrize("node", ["tests/test_it.py", "tests/test_it.py::test_skips"])
def test_in_ci_a_listed_skip_passes(skipping_tree: Path, node: str) -> None:
    code, text = pytest_in(skipping_tree, f"{node}: no node")
    assert code == 0, text


def test_a_listed_skip_for_another_reason_fails(skipping_tree: Path) -> None:
    code, _ = pytest_in(skipping_tree, "tests/test_it.py: no samples")
    assert code == 1


def test_outside_ci_skips_are_free(skipping_tree: Path) -> None:
    code, _ = pytest_in(skipping_tree, "", CI="")
    assert code == 0


def test_required_samples_must_be_there(skipping_tree: Path) -> None:
    (skipping_tree / "tests" / "test_it.py").write_text("def test_s(samples): pass\n")
    nowhere = str(skipping_tree / "nowhere")
    code, text = pytest_in(skipping_tree, "", SGO_SAMPLES=nowhere)
    assert code == 0, text
    code, text = pytest_in(
        skipping_tree, "", SGO_SAMPLES=nowhere, SGO_REQUIRE_SAMPLES="1"
    )
    assert code == 1
    assert "is no folder" in text


def test_the_committed_list_is_short_and_names_existing_files() -> None:
    text = (ROOT / ".ci" / "allowed-skips").read_text()
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert len(lines) <= 10
    for line in lines:
        node, found, reason = line.rpartition(": ")
        assert found, line
        assert reason
        assert (ROOT / node.split("::")[0]).exists(), line


# --- runners


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """Return a tree with the C test runner and a folder for its programs."""
    for name in (".ci", "tests/c", "tests/tools", "bin"):
        (tmp_path / name).mkdir(parents=True)
    shutil.copy(RUN_CTESTS, tmp_path / "tests" / "tools" / "run_ctests.py")
    (tmp_path / ".ci" / "allowed-skips").write_text("tests/c/test_listed.c: why\n")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "body", "code", "text"),
    [
        ("test_good", "echo '2 passed, 0 failed'", 0, "2 passed, 0 failed"),
        ("test_bad", "echo '1 passed, 1 failed'; exit 1", 1, "1 passed, 1 failed"),
        ("test_crash", "kill -SEGV $$", 1, "killed by SIGSEGV"),
        ("test_silent", "true", 1, "no closing line"),
        ("test_empty", "echo '0 passed, 0 failed'", 1, "ran no test"),
        ("test_hangs", "sleep 60", 1, "timed out"),
        ("test_skip", "echo 'no x'; exit 77", 1, "allowed-skips does not name it"),
    ],
)
def test_the_c_runner_judges(
    programs: Path,
    plain_env: dict[str, str],
    name: str,
    body: str,
    code: int,
    text: str,
) -> None:
    (programs / "tests" / "c" / f"{name}.c").touch()
    program = programs / "bin" / name
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(0o755)
    runner = programs / "tests" / "tools" / "run_ctests.py"
    done = run(
        *(sys.executable, runner, programs / "bin", "--timeout", "1"),
        env={**plain_env, "CI": "true"},
    )
    assert done.returncode == code, done.stdout
    assert text in done.stdout
    assert re.match(r"C tests \(debug\): \d+ passed, \d+ failed", last_line(done))


def test_a_listed_c_skip_is_no_failure(programs: Path) -> None:
    for name, body in (
        ("test_listed", "exit 77"),
        ("test_x", "echo 1 passed, 0 failed"),
    ):
        (programs / "tests" / "c" / f"{name}.c").touch()
        program = programs / "bin" / name
        program.write_text(f"#!/bin/sh\n{body}\n")
        program.chmod(0o755)
    runner = programs / "tests" / "tools" / "run_ctests.py"
    done = run(
        *(sys.executable, runner, programs / "bin"), env={**os.environ, "CI": "true"}
    )
    assert done.returncode == 0, done.stdout
    assert last_line(done) == "C tests (debug): 1 passed, 0 failed, 1 programs skipped"


def last_line(done: subprocess.CompletedProcess[str]) -> str:
    return done.stdout.splitlines()[-1]


@pytest.fixture
def stepping_tree(tmp_path: Path) -> Path:
    (tmp_path / ".ci").mkdir()
    shutil.copy(STEPS, tmp_path / ".ci" / "steps.py")
    (tmp_path / "Makefile").write_text(
        "test:\n\t@echo 'C tests (debug): 3 passed, 0 failed'\n"
        "\t@echo '===== 9 passed in 0.12s ====='\n"
        "asan:\n\t@echo '===== 8 passed in 0.50s ====='\n"
        "broken:\n\t@echo '===== 1 failed in 0.10s ====='; exit 2\n"
    )
    return tmp_path


def test_a_run_ends_with_the_closing_line_of_pytest(stepping_tree: Path) -> None:
    done = run(sys.executable, stepping_tree / ".ci/steps.py", "test", "asan")
    assert done.returncode == 0
    assert last_line(done) == "===== 9 passed in 0.12s ====="
    assert re.search(r"^  asan +\d+\.\d s +\d+\.\d cpu  ok$", done.stdout, re.MULTILINE)


def test_a_failing_step_stops_the_run_and_speaks_last(stepping_tree: Path) -> None:
    done = run(sys.executable, stepping_tree / ".ci/steps.py", "broken", "test")
    assert done.returncode == 1
    assert "9 passed" not in done.stdout
    assert "1 not run" in done.stdout
    assert last_line(done) == "===== 1 failed in 0.10s ====="


# --- make


def test_make_alone_prints_the_targets() -> None:
    make = shutil.which("make")
    assert make
    done = run(make, "--no-print-directory", cwd=ROOT, env={"PATH": os.environ["PATH"]})
    assert done.returncode == 0
    for target in ("demo", "test", "lint", "ctest", "asan", "tsan", "ci", "full"):
        assert re.search(rf"^  make {target} +\S", done.stdout, re.MULTILINE)


def test_ci_runs_no_target_that_the_makefile_lacks() -> None:
    text = (ROOT / "Makefile").read_text()
    steps = " ".join(re.findall(r"^(?:CI|FULL)_STEPS [:+]?= (.*)$", text, re.MULTILINE))
    targets = set(re.findall(r"^([a-z-]+):", text, re.MULTILINE))
    assert {"lint", "test", "asan", "tsan"} <= set(steps.split())
    assert set(steps.replace("$(CI_STEPS)", "").split()) <= targets


def test_what_asan_leaves_out_is_python_alone() -> None:
    text = (ROOT / "Makefile").read_text()
    found = re.search(r"^ASAN_TESTS := (.*)$", text, re.MULTILINE)
    assert found
    names = re.search(r"--ignore=tests/unit/test_%\.py,([\w ]+)\)", found[1])
    assert names
    left_out = [ROOT / f"tests/unit/test_{name}.py" for name in names[1].split()]
    left_out += sorted((ROOT / "tests").glob("*/test_sim_*.py"))
    assert len(left_out) > 10
    for path in left_out:
        source = path.read_text(encoding="utf-8")
        used = re.findall(r"_core\.(?!so|py)\w+|sgostream\.[A-Zs]\w+", source)
        assert not [u for u in used if not u.startswith("sgostream.sim")], path


def test_what_runs_where_is_told() -> None:
    text = (ROOT / "Makefile").read_text()
    page = (ROOT / "docs/internals/tests.md").read_text()
    rows = re.findall(r"^\| `([a-z-]+)` \|.*\|(.*)\|(.*)\|$", page, re.MULTILINE)
    ci = re.search(r"^CI_STEPS := (.*)$", text, re.MULTILINE)
    full = re.search(r"^FULL_STEPS := \$\(CI_STEPS\) (.*)$", text, re.MULTILINE)
    assert ci
    assert full
    assert [name for name, in_ci, _ in rows if in_ci.strip()] == ci[1].split()
    assert [name for name, in_ci, _ in rows if not in_ci.strip()] == full[1].split()
