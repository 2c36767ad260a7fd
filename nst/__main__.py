"""Starts the command line, which is `nst.command_line`, and ends it quietly whatever comes."""

import os
import signal
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from nst.errors import NstError

STOPPED = 130


class QuietError:
    """Standard error, or nothing where that is closed or its disk is full: painting goes on."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115

    def write(self, text: str) -> None:
        with suppress(OSError):
            self._stream.write(text)
            self._stream.flush()

    def flush(self) -> None:
        """What is written has been flushed."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def main() -> None:
    """Run the command line and end the process with its exit code.

    Ctrl-C, SIGTERM and SIGHUP end it at once while modules are imported, which takes seconds, and
    raise KeyboardInterrupt afterwards.
    """
    sys.stderr = QuietError(sys.stderr)
    code = 1
    try:
        _on_signals(lambda *_: os._exit(STOPPED))
        from nst import command_line

        _on_signals(signal.default_int_handler)
        code = command_line.main(sys.argv[1:])
    except SystemExit as end:  # argparse after --help
        code = int(end.code or 0)
    except NstError as error:  # a variable of the environment is wrong
        print(f"nst: {error}", file=sys.stderr)
        code = 2
    except Exception:
        traceback.print_exc()
    with suppress(OSError, AttributeError):
        sys.stdout.flush()
    os._exit(code)  # Python's own end aborts where a thread is still inside torch


def _on_signals(handler: Callable[..., Any]) -> None:
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number and signal.getsignal(number) is not signal.SIG_IGN:  # as nohup wants it
            signal.signal(number, handler)


if __name__ == "__main__":
    main()
