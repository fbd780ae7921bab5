"""A progress line with the time that is left."""

import sys
import time


class Progress:
    """Prints one line that renews itself on a terminal, and now and then elsewhere."""

    def __init__(self, title: str, total: int, done: int = 0) -> None:
        """Start the clock; `done` of `total` steps are behind us already."""
        self.title = title
        self.total = total
        self.first = done
        self.start = time.monotonic()
        self.printed = -1e9

    def update(self, done: int, note: str) -> None:
        """Tell that `done` steps are behind us."""
        now = time.monotonic()
        terminal = sys.stderr.isatty()
        if now - self.printed < (0.5 if terminal else 20) and done < self.total:
            return
        self.printed = now
        per_step = (now - self.start) / max(1, done - self.first)
        left = _clock(per_step * (self.total - done))
        line = f"{self.title}  {done}/{self.total}  {per_step:.2f} s/step  {left} left  {note}"
        print(
            "\r\033[K" + line if terminal else line, end="" if terminal else "\n", file=sys.stderr, flush=True
        )
        if terminal and done >= self.total:
            print(file=sys.stderr)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"
