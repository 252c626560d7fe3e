"""Open JupyterLab on the notebooks and the simulator: `make lab`.

    python docs/tools/jupyter_lab.py [--port N] [--no-browser] [--folder DIR]

The notebooks are copied, so that running them leaves the clone as it is; copies
that are there stay.  The server has settings of its own and touches none of the
user's.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
import webbrowser
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FIRST = "notebooks/first-stream.ipynb"
START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 20.0

#: JupyterLab's own: no questions at the start, widgets are saved.
SETTINGS = {
    "@jupyterlab/apputils-extension/notification": {
        "fetchNews": "false",
        "checkForUpdates": False,
    },
    "@jupyterlab/apputils-extension/themes": {"adaptive-theme": True},
    "@jupyter-widgets/jupyterlab-manager/plugin": {"saveState": True},
}


class JupyterLab:
    """A JupyterLab server over one folder, on loopback.

    Parameters
    ----------
    folder : Path
        What is shown.
    home : Path
        Where settings, logs and all else that Jupyter writes go.
    port : int, default 0
        The first to try; 0: any free one.
    options : sequence of str
        Further ones of ``jupyter lab``.
    """

    def __init__(
        self, folder: Path, home: Path, *, port: int = 0, options: tuple[str, ...] = ()
    ) -> None:
        self.home = home
        self.token = secrets.token_urlsafe(24)
        self.log = home / "lab.log"
        runtime = home / "runtime"
        shutil.rmtree(runtime, ignore_errors=True)
        for name, values in SETTINGS.items():
            self.set(name, values, replace=False)
        env = {
            **os.environ,
            "JUPYTER_TOKEN": self.token,  # not for the list of processes
            "JUPYTER_RUNTIME_DIR": str(runtime),
            "JUPYTER_CONFIG_DIR": str(home / "config"),
            "JUPYTER_DATA_DIR": str(home / "data"),
            "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
            "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
            "IPYTHONDIR": str(home / "ipython"),
        }
        env.pop("SPORTS_ODDS_API_KEY_HEADER", None)  # the simulator's games
        command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"]
        command += ["--ip=127.0.0.1", f"--ServerApp.port={port}"]
        command += [f"--ServerApp.port_retries={50 if port else 0}"]
        command += [f"--ServerApp.root_dir={folder}"]
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [*command, *options],
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is ours; we end it
            )
        try:
            self.url = self._wait_url(runtime)
        except BaseException:
            self.end()
            raise

    def set(
        self, name: str, values: dict[str, object], *, replace: bool = True
    ) -> None:
        """Write settings, as a person does in JupyterLab's editor of them."""
        extension, _, plugin = name.rpartition("/")
        path = self.home / "settings" / extension / f"{plugin}.jupyterlab-settings"
        if replace or not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(values))

    def _wait_url(self, runtime: Path) -> str:
        end = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < end and self.running:
            for path in runtime.glob("jpserver-*.json"):
                with contextlib.suppress(ValueError):  # half written
                    if port := json.loads(path.read_text())["port"]:
                        return f"http://127.0.0.1:{port}"
            time.sleep(0.05)
        raise ChildProcessError(f"JupyterLab did not start:\n{self.tail()}")

    @property
    def running(self) -> bool:
        """Whether the server has not ended."""
        return self._process.poll() is None

    def tail(self) -> str:
        """What it said last."""
        return self.log.read_text(errors="replace")[-4000:]

    def wait(self) -> int:
        """Wait for its end; the exit status."""
        return self._process.wait()

    def end(self) -> None:
        """End it and its kernels, and so their simulators."""
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def lay_out(folder: Path) -> None:
    """Copy the notebooks that are not there yet, and the pictures they show."""
    docs = ROOT / "docs"
    for source in [*docs.glob("notebooks/*.ipynb"), *docs.glob("images/notebook-*")]:
        target = folder / source.relative_to(docs)
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)


def has_screen() -> bool:
    """Whether a browser can open a window here."""
    names = ("DISPLAY", "WAYLAND_DISPLAY")
    return sys.platform == "darwin" or any(os.environ.get(name) for name in names)


def shown(path: Path) -> str:
    """A path as short as it can be told."""
    with contextlib.suppress(ValueError):
        return str(path.relative_to(Path.cwd()))
    return str(path)


def main() -> int:
    parser = argparse.ArgumentParser(
        description="JupyterLab on the notebooks, with the simulator's games."
    )
    parser.add_argument("--port", type=int, default=8888, help="the first to try")
    parser.add_argument("--no-browser", action="store_true", help="open no window")
    parser.add_argument(
        "--folder", type=Path, default=ROOT / "build" / "lab", help="for the copies"
    )
    args = parser.parse_args()
    folder = args.folder.resolve()
    lay_out(folder)
    home = folder / ".jupyter"
    home.mkdir(exist_ok=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        lab = JupyterLab(folder, home, port=args.port)
    except ChildProcessError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        return 0
    url = f"{lab.url}/lab/tree/{FIRST}?token={lab.token}"
    try:
        print(f"\n  {url}\n")
        print("  JupyterLab with the simulator's games: no key, no network.")
        print("  Run > Run All Cells, and odds move.  Ctrl-C here ends it.")
        print(f"  The notebooks are copies, in {shown(folder)}.\n", flush=True)
        if has_screen() and not args.no_browser:
            webbrowser.open(url)
        status = lab.wait()
        print(lab.tail())
        return status
    except KeyboardInterrupt:
        return 0
    finally:
        lab.end()


if __name__ == "__main__":
    sys.exit(main())
