"""Files of the Hugging Face Hub, cached after the first download, with errors in one sentence."""

import logging
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from dysample.extras import needed_for


class WeightsError(RuntimeError):
    """Weights are missing or damaged; the message says what to do."""


@contextmanager
def fetching(what: str) -> Generator[None, None, None]:
    """Turn download errors into one sentence, and silence the log of retries.

    Args:
        what: What is fetched: the beginning of the sentence.

    Raises:
        WeightsError: There is no connection or the Hub has no such files, and they are not in the cache.
    """
    log = logging.getLogger("huggingface_hub")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    except OSError as error:  # no connection, no such file, no permission: all that the Hub raises
        raise WeightsError(
            f"{what} could not be fetched from the Hugging Face Hub and are not in its cache on this "
            f"machine: check the connection and the name ({type(error).__name__})"
        ) from error
    finally:
        log.setLevel(level)


def fetch(source: str, file: str) -> Path:
    """Return the path of a file in a local folder or in a repository of the Hub.

    Raises:
        WeightsError: Neither has the file.
        MissingExtraError: huggingface_hub is not installed.
    """
    if Path(source).is_dir():
        path = Path(source, file)
        if not path.is_file():
            raise WeightsError(f"the folder {source} has no {file}")
        return path
    # Imported here: most networks need nothing from the Hub.
    with needed_for(source):
        from huggingface_hub import hf_hub_download
        from huggingface_hub.errors import HFValidationError

    with fetching(f"the weights of {source}"):
        try:
            return Path(hf_hub_download(source, file))
        except HFValidationError as error:
            raise WeightsError(f"{source} is neither a folder nor the name of a repository") from error
