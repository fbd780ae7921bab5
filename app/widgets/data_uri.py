"""Pictures as text: what components in the browser take."""

import base64


def png_data_uri(png: bytes) -> str:
    """A PNG as the address of an image element."""
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")
