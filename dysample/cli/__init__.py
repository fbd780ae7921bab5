"""The command line: `dysample`, also available as `python -m dysample`."""

import sys
from collections.abc import Sequence

from dysample.cli.parser import COMMANDS, make_parser

__all__ = ["main"]

_AGAIN = "; the same command goes on after the last whole epoch"
RESUMED = {"train": _AGAIN, "sweep": _AGAIN}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: Arguments of the command line; None for those of this process.

    Returns:
        The exit status: 2 after an error that the user can fix, which is printed in one sentence.
    """
    options = make_parser().parse_args(arguments)
    # Imported here, so that --help answers at once.
    from dysample.cli.options import CommandError
    from dysample.extras import MissingExtraError
    from dysample.files import DiskError
    from dysample.models import WeightsError

    try:
        return COMMANDS[options.command].load()(options)
    except (CommandError, DiskError, MissingExtraError, WeightsError, ValueError) as error:
        print(f"dysample: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"dysample: interrupted{RESUMED.get(options.command, '')}", file=sys.stderr)
        return 130
