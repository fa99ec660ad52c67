"""Who may ask: this machine's own page, and programs on it, but no other site in its browser."""

from collections.abc import Mapping

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: What a browser on this machine calls it. A site that made its own name lead here is told by it.
HOSTS = ("127.0.0.1", "localhost")

#: What the page may do: load its own files, ask its own server, show the photo that was chosen.
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "img-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class WithHeaders:
    """Puts `HEADERS` on every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers as ASGI says."""

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        await self.app(scope, receive, answer)


def is_from_elsewhere(request: Request) -> bool:
    """Returns whether a page of another origin sent this.

    Browsers say where a request comes from, and pages can't change that; other programs on this
    machine say nothing. Another port is another origin.
    """
    site = request.headers.get("sec-fetch-site", "same-origin")
    here = f"{request.url.scheme}://{request.headers['host']}"
    return site != "same-origin" or request.headers.get("origin", here) != here
