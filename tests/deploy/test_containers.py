"""The image and its containers, as far as they can be read without building them."""

import re
import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts import replicas, serving
from scripts.serving import MAIN
from tests import ROOT
from tests.deploy.visits import first_page

DEPLOY = ROOT / "deploy"


def instructions() -> list[tuple[str, str]]:
    """The instructions of the Dockerfile, each on one line."""
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [(name, rest) for name, _, rest in (line.partition(" ") for line in joined.splitlines())]


def of(name: str, found: list[tuple[str, str]]) -> list[str]:
    return [rest for each, rest in found if each == name]


def copied() -> list[str]:
    """What is copied from the checkout."""
    sources = [rest.split()[:-1] for rest in of("COPY", instructions()) if not rest.startswith("--from")]
    return [source for each in sources for source in each]


def last_stage() -> list[tuple[str, str]]:
    found = instructions()
    start = max(index for index, (name, _) in enumerate(found) if name == "FROM")
    return found[start:]


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))


# --- The image ---


def test_the_image_is_built_on_a_python_that_the_project_supports() -> None:
    versions = {re.match(r"python:(3\.\d+)-slim-bookworm", base) for base in of("FROM", instructions())}
    (version,) = {match and match[1] for match in versions}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert version is not None
    assert project["requires-python"] == f">={version}"


def test_the_app_does_not_run_as_root_and_cannot_change_itself() -> None:
    stage = last_stage()
    (user,) = of("USER", stage)
    assert int(user) >= 10_000
    assert not [rest for rest in of("COPY", stage) if "--chown" in rest]
    names = [name for name, _ in stage]
    assert "RUN" not in names[names.index("USER") :]


def test_the_image_says_whether_it_is_healthy() -> None:
    (check,) = of("HEALTHCHECK", last_stage())
    (expose,) = of("EXPOSE", last_stage())
    (command,) = of("CMD", last_stage())
    assert f"http://127.0.0.1:{expose}/_stcore/health" in check
    assert f"--server.port={expose}" in command
    assert "app/main.py" in command


def test_all_that_is_copied_is_there_and_nothing_else_is_sent() -> None:
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text(encoding="utf-8").split("\n")
    assert ignored[1] == "*"
    assert sorted(line[1:] for line in ignored if line.startswith("!")) == sorted(copied())
    assert not [source for source in copied() if not (ROOT / source).exists()]


@pytest.mark.slow
def test_the_app_runs_with_what_is_copied(tmp_path: Path) -> None:
    for source in copied():
        if source == "pretrained":  # large, and not changed
            (tmp_path / source).symlink_to(ROOT / source)
        elif (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, tmp_path / source, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            (tmp_path / source).parent.mkdir(exist_ok=True)
            shutil.copyfile(ROOT / source, tmp_path / source)
    process, address = serving.start(tmp_path / MAIN.relative_to(ROOT), {"DYSAMPLE_DATA": ""})
    try:
        serving.wait_until_healthy(process, address)
        answer = first_page(address)
        assert not answer.faults()
        assert answer.component("start-viewer")["layers"]
    finally:
        process.kill()
        process.wait(20)


# --- The containers ---


def test_the_replicas_are_alike_and_where_nginx_looks_for_them(compose: dict[str, Any]) -> None:
    services = {name: each for name, each in compose["services"].items() if name.startswith("replica")}
    addresses = [each["networks"]["inside"]["ipv4_address"] for each in services.values()]
    ports = of("EXPOSE", last_stage())
    shipped = (replicas.NGINX / "replicas.conf").read_text(encoding="utf-8")
    assert shipped == replicas.replicas_conf([f"{address}:{ports[0]}" for address in addresses])
    rest = [{key: value for key, value in each.items() if key != "networks"} for each in services.values()]
    assert rest == [rest[0]] * len(rest)


def test_only_the_proxy_is_reached_from_outside(compose: dict[str, Any]) -> None:
    open_ones = [name for name, each in compose["services"].items() if "ports" in each]
    assert open_ones == ["proxy"]
    assert compose["networks"]["inside"]["internal"] is True
    assert set(compose["services"]["proxy"]["networks"]) == {"inside", "outside"}


def test_containers_have_no_rights_that_they_do_not_need(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["restart"] == "unless-stopped"


def test_the_proxy_runs_the_shipped_configuration(compose: dict[str, Any]) -> None:
    proxy = compose["services"]["proxy"]
    (mount,) = proxy["volumes"]
    source, target, mode = mount.split(":")
    assert (DEPLOY / source).resolve() == replicas.NGINX
    assert mode == "ro"
    assert proxy["entrypoint"] == replicas.command("nginx", Path("/tmp"), Path(target) / "nginx.conf")
    assert proxy["user"] != "0"
    assert not proxy["image"].endswith("latest")
    assert set(proxy["depends_on"]) == compose["services"].keys() - {"proxy"}


def test_the_image_is_built_from_the_checkout(compose: dict[str, Any]) -> None:
    build = compose["services"]["replica1"]["build"]
    assert (DEPLOY / build["context"]).resolve() == ROOT
    assert (ROOT / build["dockerfile"]).is_file()
