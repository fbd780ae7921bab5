"""The proxy's configuration, as a parser of nginx's language reads it."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import crossplane
import pytest

from scripts import replicas
from tests import ROOT

Directive = dict[str, Any]
ADDRESSES = ["10.77.0.1:8501", "10.77.0.11:8501", "110.77.0.1:8501"]


def parsed(file: Path) -> list[Directive]:
    """What a file says, with what it includes in its place."""
    payload = crossplane.parse(str(file), combine=True)
    assert payload["errors"] == []
    (config,) = cast(list[Directive], payload["config"])
    return config["parsed"]


def every(name: str, block: list[Directive]) -> Iterator[Directive]:
    """All directives of a name, at any depth."""
    for directive in block:
        if directive["directive"] == name:
            yield directive
        yield from every(name, directive.get("block", []))


def one(name: str, block: list[Directive]) -> list[str]:
    (found,) = [directive["args"] for directive in block if directive["directive"] == name]
    return found


def one_block(name: str, block: list[Directive]) -> list[Directive]:
    (found,) = [directive["block"] for directive in every(name, block)]
    return found


def serving_block(block: list[Directive]) -> list[Directive]:
    """The server that has the app."""
    http = one_block("http", block)
    servers = [each["block"] for each in http if each["directive"] == "server"]
    (found,) = [server for server in servers if list(every("location", server))]
    return found


def arguments(name: str, block: list[Directive]) -> list[list[str]]:
    """The arguments of a directive that stands in a block, each time."""
    return [directive["args"] for directive in block if directive["directive"] == name]


def mapped(variable: str, value: str, block: list[Directive]) -> str:
    """What a map makes of a value: equal strings first, then expressions in order, then the default."""
    (rows,) = [each["block"] for each in every("map", block) if each["args"][1] == variable]
    pairs = [(row["directive"], row["args"][0]) for row in rows]
    for key, result in pairs:
        if key == value:
            return result
    for key, result in pairs:
        if key.startswith("~") and re.search(key[1:], value):
            return result
    return dict(pairs)["default"]


@pytest.fixture(scope="module")
def shipped() -> list[Directive]:
    return parsed(replicas.NGINX / "nginx.conf")


@pytest.fixture
def here(tmp_path: Path) -> list[Directive]:
    return parsed(replicas.write_configuration(tmp_path, ADDRESSES, 8080))


def locations(block: list[Directive]) -> dict[str, list[Directive]]:
    return {" ".join(each["args"]): each["block"] for each in every("location", block)}


def test_nginx_knows_every_directive() -> None:
    """The parser calls the rows of a map unknown, and nothing else."""
    payload = crossplane.parse(str(replicas.NGINX / "nginx.conf"), combine=True, strict=True)
    unknown = [error["error"] for error in cast(list[Directive], payload["errors"])]
    shipped = parsed(replicas.NGINX / "nginx.conf")
    rows = {row["directive"] for each in every("map", shipped) for row in each["block"]}
    assert len(rows) > 5
    assert {re.search(r'unknown directive "(.*)" in ', error)[1] for error in unknown} == rows


# --- Replicas ---


def test_the_shipped_replicas_are_those_of_the_containers(shipped: list[Directive]) -> None:
    written = (replicas.NGINX / "replicas.conf").read_text(encoding="utf-8")
    (newcomers,) = [each for each in every("upstream", shipped) if each["args"] == ["newcomers"]]
    addresses = [each["args"][0] for each in every("server", newcomers["block"])]
    assert addresses == [f"10.77.0.{11 + number}:8501" for number in range(3)]
    assert written == replicas.replicas_conf(addresses)


@pytest.mark.parametrize(
    ("cookie", "first"), [("1", [0]), ("2", [1]), ("3", [2]), ("4", [0, 1, 2]), ("", [0, 1, 2])]
)
def test_a_visitor_goes_to_the_replica_of_its_cookie_and_any_other_stands_in(
    here: list[Directive], cookie: str, first: list[int]
) -> None:
    group = mapped("$chosen", cookie, here)
    (block,) = [each["block"] for each in every("upstream", here) if each["args"] == [group]]
    servers = [each["args"] for each in every("server", block)]
    assert [args[0] for args in servers if "backup" not in args] == [ADDRESSES[each] for each in first]
    assert sorted(args[0] for args in servers) == sorted(ADDRESSES)
    assert all({"max_fails=1", "fail_timeout=10s"} <= set(args) for args in servers)
    assert one("zone", block)[0] == group  # what one process of nginx finds out, all know


@pytest.mark.parametrize(
    ("tried", "number"),
    [
        ("10.77.0.1:8501", "1"),
        ("10.77.0.11:8501", "2"),
        ("110.77.0.1:8501", "3"),
        ("10.77.0.1:8501, 10.77.0.11:8501", "2"),
        ("10.77.0.11:8501, 110.77.0.1:8501, 10.77.0.1:8501", "1"),
        ("10.77.0.1:85010", ""),
        ("", ""),
    ],
)
def test_the_replica_that_answered_is_the_last_one_tried(
    here: list[Directive], tried: str, number: str
) -> None:
    assert mapped("$answered", tried, here) == number


@pytest.mark.parametrize(
    ("cookie", "answered", "sets"),
    [
        ("", "2", True),
        ("1", "2", True),
        ("12", "2", True),
        ("x 2", "2", True),
        ("2", "2", False),
        ("2", "", False),
        ("", "", False),
    ],
)
def test_the_cookie_is_set_where_another_replica_answered(
    here: list[Directive], cookie: str, answered: str, sets: bool
) -> None:
    header = mapped("$pinned", f"{cookie} {answered}", here)
    assert header.startswith(f"{replicas.COOKIE}=$answered; Path=/; HttpOnly") == sets
    assert bool(header) == sets


def test_the_cookie_is_the_one_that_is_read(here: list[Directive]) -> None:
    read = {each["args"][0] for each in every("map", here)}
    assert f"$cookie_{replicas.COOKIE}" in read
    assert f"$cookie_{replicas.COOKIE} $answered" in read


@pytest.mark.parametrize(
    ("addresses", "words"),
    [
        (["127.0.0.1:8501"], "two replicas or more, got 1"),
        (["127.0.0.1:8501", "127.0.0.1"], "like 127.0.0.1:8501, got '127.0.0.1'"),
        (["127.0.0.1:1", "a; include /etc/passwd:1"], "like 127.0.0.1:8501, got 'a; include"),
    ],
)
def test_what_is_no_list_of_replicas_is_refused(addresses: list[str], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        replicas.replicas_conf(addresses)


# --- What is let through ---


def test_only_known_names_are_served(shipped: list[Directive]) -> None:
    http = one_block("http", shipped)
    stranger, ours = [each["block"] for each in http if each["directive"] == "server"]
    assert "default_server" in one("listen", stranger)
    assert one("return", stranger)[0] == "421"
    assert not list(every("proxy_pass", stranger))
    assert set(one("server_name", ours)).isdisjoint({"_", "*", ""})


@pytest.mark.parametrize("path", ["/_stcore/metrics", "/_stcore/agent", "/_stcore/script-health-check"])
def test_addresses_that_no_page_needs_are_closed(shipped: list[Directive], path: str) -> None:
    block = locations(shipped)[path]
    assert one("return", block) == ["404"]
    assert len(block) == 1


def test_files_are_as_large_as_the_app_takes_them(shipped: list[Directive]) -> None:
    config = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))
    (size,) = one("client_max_body_size", locations(shipped)["/_stcore/upload_file/"])
    assert size == f"{config['server']['maxUploadSize'] + 1}m"
    server = serving_block(shipped)
    assert one("client_max_body_size", server) == ["64k"]


def test_nothing_of_a_visitor_is_written_to_the_disk(shipped: list[Directive]) -> None:
    assert [each["args"] for each in every("proxy_request_buffering", shipped)] == [["off"]]
    assert [each["args"] for each in every("proxy_max_temp_file_size", shipped)] == [["0"]]
    (log,) = every("log_format", shipped)
    logged = set(re.findall(r"\$(\w+)", " ".join(log["args"])))
    assert logged.isdisjoint({"uri", "request", "request_uri", "args", "remote_addr", "http_cookie"})
    upload = "/_stcore/upload_file/30c36f61/fb27a471"
    assert mapped("$logged", upload, shipped) == "/_stcore/upload_file/"
    assert mapped("$logged", "/offsets", shipped) == "$uri"


def test_every_location_passes_the_name_on(shipped: list[Directive]) -> None:
    """A location that sets one header inherits none; without the name Streamlit refuses sessions."""
    server = serving_block(shipped)
    assert ["Host", "$http_host"] in arguments("proxy_set_header", server)
    for block in locations(shipped).values():
        headers = arguments("proxy_set_header", block)
        assert not headers or ["Host", "$http_host"] in headers


def test_sessions_and_pages_name_their_replica_and_files_do_not_move(shipped: list[Directive]) -> None:
    found = locations(shipped)
    for path in ("/", "= /_stcore/stream"):
        assert ["Set-Cookie", "$pinned", "always"] in arguments("add_header", found[path])
    stream = found["= /_stcore/stream"]
    assert ["Upgrade", "$http_upgrade"] in arguments("proxy_set_header", stream)
    assert one("proxy_next_upstream", found["/_stcore/upload_file/"]) == ["off"]
    passed = [each["args"] for block in found.values() for each in every("proxy_pass", block)]
    assert passed == [["http://$chosen"]] * 4


# --- The command ---


def test_nginx_writes_into_its_folder_only(tmp_path: Path, shipped: list[Directive]) -> None:
    line = replicas.command("/usr/sbin/nginx", tmp_path, tmp_path / "nginx.conf")
    assert line[:5] == ["/usr/sbin/nginx", "-p", f"{tmp_path}/", "-c", f"{tmp_path}/nginx.conf"]
    http = one_block("http", shipped)
    written = [each for each in [*shipped, *http] if re.fullmatch("pid|.*_temp_path", each["directive"])]
    paths = [each["args"][0] for each in written]
    assert len(paths) == 6
    assert not [path for path in paths if path.startswith("/")]


def test_the_site_of_a_trial_is_this_machine_s(here: list[Directive]) -> None:
    listens = [each["args"][0] for each in every("listen", here)]
    assert listens == ["127.0.0.1:8080"] * 2
