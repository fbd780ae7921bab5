"""What goes when a visitor leaves: measured as bytes of the cache, and by weak references."""

import asyncio
import io
import json
import weakref
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from streamlit.proto.Common_pb2 import FileURLs
from streamlit.runtime.uploaded_file_manager import UploadedFile, UploadedFileRec

from app.settings import Source, Subject
from app.shared import cache, departures, photos
from app.shared.cache import Cache, cached
from app.shared.departures import own, sweep
from app.views.scope.compute import Features
from scripts.serving import start, wait_until_healthy
from scripts.visitor import Answer, Visitor

PAGE = Path(__file__).with_name("holding_page.py")
PATIENCE_S = 120.0
SOON_S = 1 + 1 + 1.5  # the second in which visitors may come back, the page's lateness, and a little
SIDES = (400, 600)
PIXELS = SIDES[0] * SIDES[1] * 3


def photograph(seed: int) -> bytes:
    file = io.BytesIO()
    noise = np.random.default_rng(seed).integers(0, 256, (*SIDES, 3), dtype=np.uint8)
    Image.fromarray(noise).save(file, "PNG")
    return file.getvalue()


def own_photograph(name: str, data: bytes) -> Source:
    return own(UploadedFile(UploadedFileRec("id", name, "image/png", data), FileURLs()))


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> Cache:
    """A cache of the test's own."""
    empty = Cache(100 << 20)
    monkeypatch.setattr(cache, "CACHE", empty)
    monkeypatch.setattr(departures, "CACHE", empty)
    return empty


def test_what_was_computed_of_a_photograph_goes_with_the_last_who_holds_it(kept: Cache) -> None:
    photos.photograph(Source("coffee"))
    everybody_s = kept.used
    one, another = own_photograph("a.png", photograph(1)), own_photograph("b.png", photograph(2))
    again = own_photograph("c.png", photograph(1))
    for source in (one, another, again):
        photos.photograph(source)
    assert kept.used - everybody_s == pytest.approx(3 * PIXELS, rel=0.01)  # the same bytes, two names
    pixels = weakref.ref(photos.photograph(one).image)
    sweep()
    assert kept.used - everybody_s == pytest.approx(3 * PIXELS, rel=0.01)
    gone = weakref.ref(one)
    del one, source
    sweep()
    assert gone() is None
    assert pixels() is not None, "another visitor has the same photograph"
    del again
    sweep()
    assert pixels() is None
    assert kept.used - everybody_s == pytest.approx(PIXELS, rel=0.01)
    del another
    sweep()
    assert kept.used == everybody_s


def test_settings_within_settings_belong_to_their_photograph(kept: Cache) -> None:
    made: list[object] = []

    @cached
    def work(features: Features, *, others: tuple[Source, ...] = ()) -> bytes:
        made.append(features)
        return bytes(1000)

    first, second = own_photograph("a.png", b"first"), own_photograph("b.png", b"second")
    features = Features(Subject(first, "task", "bilinear", 640), "step", None)
    plain = Features(Subject(Source("coffee"), "task", "bilinear", 640), "step", None)
    for _ in range(2):
        work(features)
        work(plain, others=(Source("coffee"), second))
        work(plain)
    assert (len(made), len(kept)) == (3, 3)
    made.clear()
    del second
    sweep()
    assert len(kept) == 2
    del first, features
    sweep()
    assert len(kept) == 1
    work(plain)
    assert not made


def test_a_value_is_no_one_else_s(kept: Cache) -> None:
    """Neither a name of a file nor a value that holds digests makes an owner."""
    source = own_photograph("a.png", b"bytes")
    forged = own_photograph(f"x', digest='{source.digest}", b"others")
    assert set(cache._digests((forged, "text", 3, {"a": source}))) == {forged.digest}


def ask(answer: Answer) -> dict[str, int]:
    return json.loads(answer.all("text")[-1].body)


@pytest.mark.slow
def test_on_a_server_all_of_a_visitor_is_gone_soon_after_the_last_time_to_come_back() -> None:
    server, address = start(PAGE, {"STREAMLIT_SERVER_DISCONNECTED_SESSION_TTL": "1"}, quiet=True)
    try:
        wait_until_healthy(server, address)
        asyncio.run(visits(address))
    finally:
        server.terminate()
        server.wait(20)


async def visits(address: str) -> None:
    visitors = [Visitor(address) for _ in range(3)]
    try:
        await come_and_go(*visitors)
    finally:
        for visitor in visitors:
            await visitor.close()


async def come_and_go(first: Visitor, second: Visitor, last: Visitor) -> None:
    others = photograph(4)
    for visitor, data in ((first, photograph(3)), (second, others)):
        await visitor.connect(patience=PATIENCE_S)
        answer = await visitor.open(patience=PATIENCE_S)
        await visitor.upload(answer, "own.png", data, patience=PATIENCE_S)
        answer = await visitor.open(patience=PATIENCE_S)
        assert ask(answer)["same"], "the upload is in memory once"
    held = ask(await first.open(patience=PATIENCE_S))
    assert held["photographs"] == 2
    assert held["cached"] == pytest.approx(2 * PIXELS, rel=0.01)
    await first.close()
    await asyncio.sleep(SOON_S)
    left = ask(await second.open(patience=PATIENCE_S))
    assert (left["photographs"], left["uploads"]) == (1, len(others))
    assert left["cached"] == pytest.approx(PIXELS, rel=0.01)
    await second.close()
    await asyncio.sleep(SOON_S)  # nobody runs a page meanwhile
    await last.connect(patience=PATIENCE_S)
    empty = ask(await last.open(patience=PATIENCE_S))
    assert (empty["photographs"], empty["cached"]) == (0, 0)
    # Streamlit holds on to the last session of all, but to no more than that, until another one has come.
    assert empty["uploads"] in (0, len(others))
    assert ask(await last.open(patience=PATIENCE_S))["uploads"] == 0
