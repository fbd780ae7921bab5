"""Several replicas of the app behind one address, tried on this machine alone; one of them is killed.

    python scripts/replicas.py --visitors 4
    python scripts/replicas.py --write 10.77.0.11:8501 10.77.0.12:8501

Starts two replicas, and nginx with the configuration in `deploy/nginx`. Every visitor has a photograph of
its own, and what it gives was computed before, by a visitor alone. Half-way one replica is killed: its
visitors must get the same answers from the other, whose own visitors must notice nothing. Then it is started
again, and nobody may be moved. Prints a report; exits with 1 if anything was not as it should be.

With `--write`, writes `deploy/nginx/replicas.conf` for replicas at other addresses, and does nothing else.
"""

import argparse
import asyncio
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

import requests
from websockets import WebSocketException

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from scripts import serving
from scripts.classroom import Report, digest, photograph
from scripts.visitor import Answer, VisitError, Visitor

NGINX = serving.ROOT / "deploy" / "nginx"
COOKIE = "dysample_replica"
MISSING = "nginx was not found: install the system's package (`apt-get install nginx`), and run this again."
_PATIENCE_S = 120.0
_LIMIT_S = 900.0  # for everything
_LEFT_OUT_S = 11.0  # a second more than nginx leaves out a replica that it could not reach
_ADDRESS = re.compile(r"[\w.-]+:\d+")


# --- Configuration ---


def replicas_conf(addresses: Sequence[str]) -> str:
    """Return the part of nginx's configuration that names the replicas.

    Args:
        addresses: Of the replicas, as in 127.0.0.1:8501. A replica's cookie is its place in this list.

    Raises:
        ValueError: There are less than two addresses, or one is not an address with a port.
    """
    if len(addresses) < 2:
        raise ValueError(f"there must be two replicas or more, got {len(addresses)}")
    for address in addresses:
        if not _ADDRESS.fullmatch(address):
            raise ValueError(f"a replica's address must be like 127.0.0.1:8501, got {address!r}")
    numbered = list(enumerate(addresses, start=1))
    groups = [_group("newcomers", addresses, ())]
    for number, address in numbered:
        others = [other for other in addresses if other != address]
        groups.append(_group(f"replica{number}", [address], others))
    chosen = [f"    {number} replica{number};" for number, _ in numbered]
    answered = [f"    ~(^|[\\s,]){re.escape(address)}$ {number};" for number, address in numbered]
    lines = [
        "# Written by `python scripts/replicas.py --write ADDRESS...`: the replicas, and who goes to which.",
        "",
        *groups,
        "# By the cookie, which names a replica by its number. To take one out, write `down` after its",
        "# address in newcomers, reload, wait until its visitors have left, and stop it.",
        f"map $cookie_{COOKIE} $chosen {{",
        *chosen,
        "    default newcomers;",
        "}",
        "",
        "# The number of the replica that answered: the last one that was tried.",
        "map $upstream_addr $answered {",
        *answered,
        '    default "";',
        "}",
    ]
    return "\n".join(lines) + "\n"


def _group(name: str, first: Sequence[str], instead: Sequence[str]) -> str:
    servers = [f"    server {address} max_fails=1 fail_timeout=10s;" for address in first]
    servers += [f"    server {address} max_fails=1 fail_timeout=10s backup;" for address in instead]
    return "\n".join([f"upstream {name} {{", f"    zone {name} 64k;", *servers, "}", ""])


def site_conf(port: int) -> str:
    """Return the part of nginx's configuration that has the names: for this machine alone."""
    listen = f"listen 127.0.0.1:{port}"
    return (
        f"server {{\n    {listen} default_server;\n    return 421;\n}}\n"
        f"server {{\n    {listen};\n    server_name 127.0.0.1 localhost;\n    include app.conf;\n}}\n"
    )


def write_configuration(folder: Path, addresses: Sequence[str], port: int) -> Path:
    """Write the configuration of `deploy/nginx` for replicas on this machine; return its main file."""
    for name in ("nginx.conf", "app.conf"):
        shutil.copyfile(NGINX / name, folder / name)
    (folder / "replicas.conf").write_text(replicas_conf(addresses), encoding="utf-8")
    (folder / "site.conf").write_text(site_conf(port), encoding="utf-8")
    return folder / "nginx.conf"


def command(nginx: str, folder: Path, configuration: Path) -> list[str]:
    """Return the command that runs nginx in the foreground, writing into a folder only."""
    return [nginx, "-p", f"{folder}/", "-c", str(configuration), "-g", "daemon off;"]


# --- Processes ---


def find_nginx() -> str | None:
    """Return the path of nginx, which distributions put where only root's commands are looked for."""
    return shutil.which("nginx", path=f"{os.environ.get('PATH', '')}{os.pathsep}/usr/sbin")


@contextmanager
def proxy(nginx: str, addresses: Sequence[str]) -> Generator[str]:
    """Run nginx before replicas while the block runs; yield its address.

    Raises:
        TimeoutError: It does not start.
    """
    with tempfile.TemporaryDirectory(prefix="dysample-proxy-") as name:
        folder, port = Path(name), serving.free_port()
        line = command(nginx, folder, write_configuration(folder, addresses, port))
        address, errors = f"http://127.0.0.1:{port}", folder / "errors.log"
        with errors.open("wb") as file:
            server = subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=file)
        try:
            _wait_for_nginx(server, address, errors)
            yield address
        finally:
            server.terminate()
            server.wait(20)


def _wait_for_nginx(server: "subprocess.Popen[bytes]", address: str, errors: Path) -> None:
    try:
        serving.wait_until_healthy(server, address)
    except TimeoutError as error:
        raise TimeoutError(f"{error} nginx says: {errors.read_text(encoding='utf-8')}") from error


class Replicas:
    """Replicas of the app on this machine, of which one may be killed and started again."""

    def __init__(self, count: int, script: Path = serving.MAIN) -> None:
        """Start them."""
        self._script = script
        started = [serving.start(script, {}, quiet=True) for _ in range(count)]
        self._processes = [process for process, _ in started]
        self.addresses = [address for _, address in started]

    @property
    def places(self) -> list[str]:
        """Their addresses, as nginx takes them."""
        return [address.removeprefix("http://") for address in self.addresses]

    def wait(self) -> None:
        """Wait until all answer.

        Raises:
            TimeoutError: One does not start.
        """
        for process, address in zip(self._processes, self.addresses, strict=True):
            serving.wait_until_healthy(process, address)

    def kill(self, number: int) -> None:
        """End one at once, as when its machine fails."""
        self._processes[number - 1].kill()
        self._processes[number - 1].wait(20)

    def start_again(self, number: int) -> None:
        """Start one where it was."""
        port = int(self.addresses[number - 1].rpartition(":")[2])
        self._processes[number - 1], _ = serving.start(self._script, {}, quiet=True, port=port)
        self.wait()

    def close(self) -> None:
        """End all."""
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.wait(30)


# --- Visits ---


async def show(visitor: Visitor, number: int) -> Answer:
    """Give the app the photograph with a number, and return what it shows."""
    first = await visitor.open("compare", patience=_PATIENCE_S)
    await visitor.upload(first, f"pupil{number}.jpg", photograph(number), patience=_PATIENCE_S)
    return await visitor.open(patience=_PATIENCE_S)


def place(visitor: Visitor) -> str:
    """Return the number of a visitor's replica."""
    return visitor.cookies.get(COOKIE, "")


class Trial:
    """Visitors of two replicas, and what was wrong.

    Attributes:
        report: Times and faults.
    """

    def __init__(self, replicas: Replicas, address: str) -> None:
        """Prepare.

        Args:
            replicas: The replicas.
            address: Of the proxy.
        """
        self.report = Report()
        self._replicas = replicas
        self._address = address
        self._visitors: dict[int, Visitor] = {}
        self._right: dict[int, str] = {}

    async def run(self, visitors: int) -> None:
        """Do everything, in order.

        Raises:
            VisitError: A visitor who is alone gets no answer.
        """
        for number in range(1, visitors + 7):
            self._right[number] = await self._alone(number)
        for number in range(1, visitors + 1):
            await self._arrive(number, "first answer")
        both = self._at("1") and self._at("2")
        self._expect(both, f"all visitors are in one place: {self._spread()}")
        self._say(f"{visitors} visitors have what their photographs give alone; {self._spread()}.")
        await self._other_tab(1)
        self._say("A second tab is in the same replica as the first.")

        staying, moving = self._at("2"), self._at("1")
        self._replicas.kill(1)
        self._say(f"Replica 1 was killed, which had {len(moving)} of them.")
        for number in staying:
            await self._go_on(number, "same session, other replica killed")
        await asyncio.gather(*map(self._return, moving))
        for number in (visitors + 1, visitors + 2):
            await self._arrive(number, "first answer, one replica")
        self._expect(len(self._at("2")) == len(self._visitors), f"not all are in replica 2: {self._spread()}")
        self._say(f"All have their answers, {len(moving)} of them after a new connection; {self._spread()}.")

        self._replicas.start_again(1)
        await asyncio.sleep(_LEFT_OUT_S)
        for number in list(self._visitors):
            await self._go_on(number, "again, killed replica back")
        self._expect(len(self._at("2")) == len(self._visitors), f"somebody was moved: {self._spread()}")
        for number in range(visitors + 3, visitors + 7):
            await self._arrive(number, "first answer, both replicas again")
            if self._at("1"):
                break
        self._expect(self._at("1"), f"newcomers do not go to the replica that is back: {self._spread()}")
        self._say(f"Replica 1 is back: nobody was moved, newcomers go there; {self._spread()}.")
        for visitor in self._visitors.values():
            await visitor.close()

    def _say(self, sentence: str) -> None:
        """Print what has been seen, unless something was not so."""
        faults = len(self.report.faults)
        print(f"{faults} faults so far." if faults else sentence, flush=True)

    def _expect(self, true: object, otherwise: str) -> None:
        if not true:
            self.report.faults.append(otherwise)

    def _at(self, replica: str) -> list[int]:
        return [number for number, visitor in self._visitors.items() if place(visitor) == replica]

    def _spread(self) -> str:
        counts = sorted(Counter(map(place, self._visitors.values())).items())
        return ", ".join(f"{count} in replica {replica}" for replica, count in counts)

    async def _alone(self, number: int) -> str:
        visitor = Visitor(self._replicas.addresses[0])
        await visitor.connect(patience=_PATIENCE_S)
        answer = await show(visitor, number)
        await visitor.close()
        return digest(answer)

    async def _see(self, number: int, visitor: Visitor, what: str) -> None:
        began = time.perf_counter()
        answer = await show(visitor, number)
        answer.seconds = time.perf_counter() - began
        self.report.check(number, self.report.timed(what, answer), self._right[number])

    async def _arrive(self, number: int, what: str) -> None:
        self._visitors[number] = Visitor(self._address)
        await self._connect(number, self._visitors[number], what)

    async def _connect(self, number: int, visitor: Visitor, what: str) -> None:
        try:
            await visitor.connect(patience=_PATIENCE_S)
            await self._see(number, visitor, what)
        except (VisitError, OSError, WebSocketException) as error:
            self.report.faults.append(f"visitor {number}, {what}: {error}")

    async def _other_tab(self, number: int) -> None:
        first = self._visitors[number]
        tab = Visitor(self._address, first.cookies)
        await self._connect(number, tab, "second tab")
        self._expect(place(tab) == place(first), "a second tab is in another replica than the first")
        await self._go_on(number, "first tab again")
        await tab.close()

    async def _go_on(self, number: int, what: str) -> None:
        """Use the session that a visitor has."""
        try:
            await self._see(number, self._visitors[number], what)
        except (VisitError, OSError) as error:
            self.report.faults.append(f"visitor {number} lost its session: {error}")

    async def _return(self, number: int) -> None:
        """Find that the session is gone, and connect again as a browser does."""
        try:
            await self._visitors[number].open(patience=_PATIENCE_S)
        except VisitError:
            await self._connect(number, self._visitors[number], "answer after a new connection")
        else:
            self.report.faults.append(f"visitor {number} got an answer from a replica that was killed")


def doors(address: str) -> list[str]:
    """Return what the proxy lets through and should not."""
    large = b"0" * (27 << 20)
    tries = {
        "the server's metrics": (404, requests.get(f"{address}/_stcore/metrics", timeout=20)),
        "a stranger's name": (421, requests.get(address, headers={"Host": "evil.example"}, timeout=20)),
        "a file of 27 MB": (413, requests.put(f"{address}/_stcore/upload_file/a/b", large, timeout=20)),
        "a file for a page": (403, requests.put(address, b"0", timeout=20)),
    }
    return [
        f"{what}: status {answer.status_code} instead of {status}"
        for what, (status, answer) in tries.items()
        if answer.status_code != status
    ]


async def _bounded(trial: Awaitable[None]) -> None:
    try:
        await asyncio.wait_for(trial, _LIMIT_S)
    except TimeoutError as error:
        raise TimeoutError(f"The trial was ended: it took more than {_LIMIT_S / 60:.0f} minutes.") from error


def tried(nginx: str, visitors: int) -> Report:
    """Run the trial; print and return what was seen.

    Raises:
        TimeoutError: A server does not start, or all takes too long.
        VisitError: A visitor who is alone gets no answer.
    """
    replicas = Replicas(2)
    try:
        replicas.wait()
        with proxy(nginx, replicas.places) as address:
            trial = Trial(replicas, address)
            asyncio.run(_bounded(trial.run(visitors)))
            trial.report.faults += doors(address)
    finally:
        replicas.close()
    print("\n".join(trial.report.lines()))
    return trial.report


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--visitors", type=int, default=4, choices=range(2, 41), metavar="N")
    parser.add_argument("--write", nargs="+", metavar="ADDRESS", help="write replicas.conf, no more")
    options = parser.parse_args()
    if options.write:
        (NGINX / "replicas.conf").write_text(replicas_conf(options.write), encoding="utf-8")
        return 0
    nginx = find_nginx()
    if nginx is None:
        print(MISSING)
        return 1
    try:
        report = tried(nginx, options.visitors)
    except (TimeoutError, VisitError) as error:
        print(error)
        return 1
    return report.told()


if __name__ == "__main__":
    sys.exit(main())
