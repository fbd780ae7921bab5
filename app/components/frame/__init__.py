"""The frame of all pages in the browser: presentation, print, and terms that open where they stand."""

from pathlib import Path

FOLDER = Path(__file__).parent
