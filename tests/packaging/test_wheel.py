"""The wheel, not only the source tree: built, installed into a clean environment, and the demo run from it."""

import json
import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_holds_three_packages_and_the_yaml_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {
        "aimdlab",
        "aimdlab_drivers",
        "aimdlab_simulators",
    }
    shipped = {name.removeprefix("aimdlab/_shipped/") for name in names if "/_shipped/" in name}
    here = {
        path.relative_to(ROOT).as_posix() for part in ("configs", "sequences") for path in (ROOT / part).rglob("*.yaml")
    }
    assert shipped == here
    assert {f"{package}/py.typed" for package in ("aimdlab", "aimdlab_drivers", "aimdlab_simulators")} <= set(names)
    assert any(name.endswith("licenses/LICENSE") for name in names)


@pytest.mark.waits
@pytest.mark.timeout(3600)  # a slow registry
def test_the_demo_runs_from_the_installed_wheel(wheel: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "clean")
    scripts = tmp_path / "clean" / ("Scripts" if os.name == "nt" else "bin")
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    environment = {"PIP_RETRIES": "10", "PIP_DEFAULT_TIMEOUT": "60"} | environment

    def call(*command: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(part) for part in command],
            check=False, capture_output=True, text=True, cwd=tmp_path, env=environment, stdin=subprocess.DEVNULL,
        )  # fmt: skip

    # Most of what is installed is never imported here: to compile it would take longer than the demo.
    pip = [sys.executable, "-m", "pip", "--python", scripts / "python", "install", "--quiet", "--no-compile"]
    pip += ["--disable-pip-version-check", "--constraint", ROOT / "constraints.txt", wheel]
    for _ in range(3):  # pip does not repeat a download that broke off
        installed = call(*pip)
        if installed.returncode == 0:
            break
    assert installed.returncode == 0, installed.stderr
    demo = call(scripts / "aimdlab", "demo", "--out", "demo", "--json")
    assert demo.returncode == 0, demo.stderr
    result = json.loads(demo.stdout)
    assert set(result["verdicts"]) == {"PASS"}
    assert (tmp_path / result["session"]).is_file()
    made = call(scripts / "aimdlab", "init", "lab")
    assert made.returncode == 0, made.stderr
    planned = call(scripts / "aimdlab", "plan", Path("lab", "configs", "campaigns", "demo.yaml"))
    assert planned.returncode == 0, planned.stderr
