"""A process that answers like one with a cluster behind it, as `test_courier.py` asks it to."""

import os
import sys
import threading
import time
from collections.abc import Sequence

import numpy as np

from app.shared.engine.courier import BrokenError, Request, Rounds, UnavailableError, send
from app.shared.engine.turns import BusyError


class Response:
    """Waits until it is given up, if the request is to wait; else it says what is asked."""

    cancelled = 0

    def __init__(self, request: Request) -> None:
        self.request = request
        self.given_up = threading.Event()

    def result(self) -> tuple[bytes, Sequence[np.ndarray]]:
        method, body = self.request.method, self.request.body
        if method == "wait":
            self.given_up.wait()
            raise BrokenError("given up")
        if method == "busy":
            raise BusyError("too many")
        if method == "break":
            raise BrokenError("the replica died")
        if method == "gone":
            raise UnavailableError("it has no such application")
        if method == "fail":
            raise ValueError("no such thing")
        if method == "end":
            os._exit(3)
        if method == "cancelled":
            return str(Response.cancelled).encode(), ()
        return body[::-1], [data[::-1].copy() for data in self.request.buffers]

    def cancel(self) -> None:
        Response.cancelled += 1
        self.given_up.set()


class Handle:
    """A deployment that is in this process."""

    def ask(self, request: Request) -> Response:
        return Response(request)

    def alive(self) -> None:
        if sys.argv[2] == "silent":
            time.sleep(1000)
        if sys.argv[2] == "unknown":
            raise UnavailableError("it has no application called 'unknown'")


if __name__ == "__main__":
    # As in `courier.main`, with another handle.
    incoming, outgoing = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    if sys.argv[1] == "nowhere":
        send(outgoing, ("unavailable", -1, "nobody answers there"))
        os._exit(0)
    if sys.argv[1] == "crash":
        os._exit(7)
    print("what Ray prints is no message")
    Rounds(Handle(), outgoing, beat_s=0.05).run(incoming)
    os._exit(0)
