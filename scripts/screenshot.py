"""Take the README's picture of the running app: `python scripts/screenshot.py [OUTPUT]`.

It starts the app on a free port, opens the Compare page, and writes a PNG of its first screen (default:
assets/compare.png).
"""

import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from scripts.machine import find_browser  # noqa: E402
from scripts.serving import serving  # noqa: E402

QUERY = "picture=chelsea&left=Nearest"
WINDOW = {"width": 1280, "height": 720}
PATIENCE_MS = 180_000


def main() -> int:
    """Take the picture and return the exit status."""
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "assets" / "compare.png"
    browser = find_browser()
    if browser is None:
        print("No Chromium or Chrome was found: set CHROME to its path.", file=sys.stderr)
        return 2
    with serving({"DYSAMPLE_DATA": ""}) as (_, address):
        _shoot(browser, f"{address}/compare?{QUERY}", target)
    return 0


def _shoot(browser: str, url: str, target: Path) -> None:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox", "--disable-gpu"])
        page = chromium.new_page(viewport=WINDOW, color_scheme="light", reduced_motion="reduce")  # pyright: ignore[reportArgumentType]
        page.goto(url)
        page.get_by_role("heading", name="In numbers").wait_for(timeout=PATIENCE_MS)
        page.get_by_test_id("stStatusWidget").wait_for(state="detached", timeout=PATIENCE_MS)
        page.wait_for_timeout(1500)  # thumbnails and fonts
        page.mouse.move(0, 0)
        first = page.get_by_role("heading", name="Compare upsamplers").bounding_box()
        last = page.get_by_role("heading", name="Side by side").bounding_box()
        if first is None or last is None:
            raise RuntimeError("the comparison is not on the page")
        target.parent.mkdir(parents=True, exist_ok=True)
        top = first["y"] - 16
        clip = {"x": 56, "y": top, "width": WINDOW["width"] - 112, "height": last["y"] - top - 8}
        page.screenshot(path=target, clip=clip)  # pyright: ignore[reportArgumentType]
        chromium.close()


if __name__ == "__main__":
    sys.exit(main())
