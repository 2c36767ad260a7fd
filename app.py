"""The Space: `python app.py` serves the page."""

import os
import signal

if __name__ == "__main__":
    # Before anything else is imported. At once, for Python would wait for threads, and abort those
    # that are in torch.
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))

import tempfile
from pathlib import Path
from typing import Any

PROXIES = ("http_proxy", "https_proxy", "all_proxy")
LOOPBACK = "localhost,127.0.0.1,::1"


def main() -> None:
    """Serve the page until a signal comes. What is set up wrongly ends the start in a sentence."""
    prepare_environment()
    proxies = {name: os.environ.pop(name) for name in [*os.environ] if name.lower() in PROXIES}
    try:
        demo = start()
    except Exception as error:
        # Wrong variables are noticed while modules are imported, this error's own among them.
        if isinstance(error, OSError) or type(error).__module__ == "nst.errors":
            raise SystemExit(str(error)) from None
        raise
    # Gradio asks itself while it starts; a proxy is for fetching networks.
    os.environ.update(proxies)
    demo.block_thread()


def prepare_environment() -> None:
    """Set what must be set before anything is imported, unless the operator has."""
    # Gradio sums up all the events it remembers after each one, for a page that we close.
    os.environ.setdefault("GRADIO_ANALYTICS_MAX_EVENTS", "20")
    own = getattr(os, "getuid", int)()  # a folder that no other user of this machine has
    # By its real name, as Gradio keeps its files', or none of them would be known: macOS links it.
    os.environ["GRADIO_TEMP_DIR"] = os.path.realpath(
        os.environ.get("GRADIO_TEMP_DIR") or f"{tempfile.gettempdir()}/nst-{own}"
    )
    names = [part.strip(" []") for part in os.environ.get("NO_PROXY", "").split(",")]
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = ",".join(filter(None, [*names, LOOPBACK]))
    port = os.environ.get("GRADIO_SERVER_PORT", "7860")
    if not port.isdecimal():
        raise SystemExit(f"GRADIO_SERVER_PORT must be a number, but it is {port[:40]!r}.")


def start() -> Any:
    """Get ready to paint, and serve; returns the page."""
    import logging
    from threading import Thread

    from nst.presets import load_presets
    from ui import zero
    from ui.page import create_demo
    from ui.run import calibrate, prepare
    from ui.server.guard import launch_options
    from ui.theme import CSS, HEAD, JS, theme

    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it reports every request
    check_folder(Path(os.environ["GRADIO_TEMP_DIR"]))
    for problem in load_presets()[1]:
        logging.warning(problem)
    if zero.ACTIVE:
        prepare()
    else:
        Thread(target=calibrate, daemon=True).start()
    demo = create_demo()
    demo.launch(
        prevent_thread_lock=True,
        ssr_mode=False,
        theme=theme(),
        css=CSS,
        js=JS,
        head=HEAD,
        footer_links=["api"],
        **launch_options(),
    )
    return demo


def check_folder(folder: Path) -> None:
    """Raise an OSError with a sentence in it where no picture can be written."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(1 << 20))
    except OSError as error:
        raise OSError(
            f"Pictures cannot be written to {folder}: {error.strerror}. "
            "Make room there, or set GRADIO_TEMP_DIR to another folder."
        ) from None


if __name__ == "__main__":
    main()
