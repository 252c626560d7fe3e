"""What packaging/ puts into a wheel; that the lists it works from agree."""

from __future__ import annotations

import base64
import csv
import hashlib
import importlib.util
import json
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGING = ROOT / "packaging"
NAME = "sgostream-9.9-cp311-cp311-linux_x86_64.whl"
INFO = "sgostream-9.9.dist-info"


@pytest.fixture(scope="module")
def finish() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "finish_wheel", PACKAGING / "finish_wheel.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def deps(tmp_path: Path) -> Path:
    share = tmp_path / "deps" / "share" / "sgostream"
    for name, licence in (("zlib", "Zlib"), ("curl", "curl")):
        (share / name).mkdir(parents=True)
        (share / name / "LICENSE").write_text(f"the licence of {name}")
        (share / f"{name}.txt").write_text(
            f"{name} 1.2 {licence} {'ab' * 32} https://example.test/{name}.tar.gz\n"
        )
    return tmp_path / "deps"


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    path = tmp_path / NAME
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("sgostream/", "")
        archive.writestr("sgostream/_core.so", b"\x7fELF")
        archive.writestr(
            f"{INFO}/METADATA",
            "Metadata-Version: 2.4\nName: sgostream\nVersion: 9.9\n"
            "License-Expression: MIT\nLicense-File: LICENSE\n\nText\n",
        )
        archive.writestr(f"{INFO}/licenses/LICENSE", "ours")
        archive.writestr(f"{INFO}/RECORD", "")
    return path


def test_licences_and_bill_are_in_the_wheel(
    finish: ModuleType, deps: Path, wheel: Path
) -> None:
    libraries = finish.read_libraries(deps)
    finish.put_in(wheel, libraries)
    with zipfile.ZipFile(wheel) as archive:
        assert archive.testzip() is None
        read = {name: archive.read(name) for name in archive.namelist()}
    assert read[f"{INFO}/licenses/curl/LICENSE"] == b"the licence of curl"
    metadata = read[f"{INFO}/METADATA"].decode()
    assert "License-Expression: MIT AND curl AND Zlib\n" in metadata
    listed = re.findall("^License-File: (.*)$", metadata, re.M)
    assert listed == ["LICENSE", "curl/LICENSE", "zlib/LICENSE"]
    assert all(f"{INFO}/licenses/{name}" in read for name in listed)
    bill = json.loads(read[f"{INFO}/sboms/sgostream.cdx.json"])
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    assert [c["name"] for c in bill["components"]] == ["curl", "zlib"]
    refs = {c["bom-ref"] for c in bill["components"]}
    assert set(bill["dependencies"][0]["dependsOn"]) == refs


def test_the_record_lists_every_file(
    finish: ModuleType, deps: Path, wheel: Path
) -> None:
    finish.put_in(wheel, finish.read_libraries(deps))
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        rows = list(csv.reader(archive.read(f"{INFO}/RECORD").decode().splitlines()))
        assert [row[0] for row in rows] == names
        for name, digest, size in rows[:-1]:
            data = archive.read(name)
            made = base64.urlsafe_b64encode(hashlib.sha256(data).digest())
            assert digest == f"sha256={made.rstrip(b'=').decode()}"
            assert int(size) == len(data)
    assert rows[-1] == [f"{INFO}/RECORD", "", ""]


def test_a_wheel_of_unknown_libraries_is_refused(
    finish: ModuleType, tmp_path: Path
) -> None:
    with pytest.raises(SystemExit, match="build_deps"):
        finish.read_libraries(tmp_path)


def test_each_library_is_built_and_has_a_checksum() -> None:
    rows = [
        line.split()
        for line in (PACKAGING / "sources.txt").read_text().splitlines()
        if not line.startswith("#")
    ]
    script = (PACKAGING / "build_deps.sh").read_text()
    (loop,) = re.findall(r"^for name in (.*); do$", script, re.M)
    assert sorted(loop.split()) == sorted(row[0] for row in rows)
    for name, version, licence, digest, address in rows:
        assert f"build_{name}()" in script
        assert version.replace(".", "") in address.replace(".", "")
        assert licence
        assert re.fullmatch("[0-9a-f]{64}", digest), name
        assert address.startswith("https://")


def test_scripts_and_configuration_parse() -> None:
    subprocess.run(["bash", "-n", PACKAGING / "build_deps.sh"], check=True)
    tables = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wheels = tables["tool"]["cibuildwheel"]
    assert {f"cp3{n}-*" for n in (11, 12, 13, 14)} <= set(wheels["build"].split())
    for key in ("before-all", "repair-wheel-command", "test-command"):
        for path in re.findall(r"packaging/\w+\.(?:py|sh)", wheels[key]):
            assert (ROOT / path).exists()
