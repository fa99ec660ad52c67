"""The web application: a page, how far the model is, and captions for photos that are posted."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from components.captioning.encoder.images import FORMATS, MAX_BYTES, MAX_PIXELS
from components.describing.page.guard import HOSTS, WithHeaders, is_from_elsewhere
from components.describing.page.request_queue import RequestQueue
from components.errors import CaptionflowError

_HERE = Path(__file__).parent
_FILES = {"page.css": "text/css", "page.js": "text/javascript", "icon.svg": "image/svg+xml"}
# More of a file's name than anyone reads.
_NAME_LENGTH = 100
# Closed connections get no answer; this number is for who looks at them.
_GONE = 499


def make_application(queue: RequestQueue, model: str) -> Starlette:
    """Makes the web application.

    `GET /` is the page, `GET /status` says whether the model is `ready`. `POST /captions?name=…`
    takes a photo's file as its body, and answers with the object that `captionflow caption --json`
    prints, and `saliency`, where the model looked for each word. What can't be described is
    `{"error": …}`, a line for people; nothing is kept.

    Args:
        queue: Captions the photos; closed when the application ends.
        model: Its name, for the page.
    """

    async def captions(request: Request) -> Response:
        if is_from_elsewhere(request):
            raise HTTPException(403, "Photos must be sent by this page, not by another site")
        given = request.query_params.get("name", "")[:_NAME_LENGTH]
        name = "".join(c for c in given if c.isprintable()).strip() or "The photo"
        with queue.place():
            said = await queue.caption(name, await _read(request, name))
        return JSONResponse(said, 422 if "error" in said else 200)

    async def status(_: Request) -> Response:
        return JSONResponse({"ready": queue.ready})

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        queue.close()

    return Starlette(
        routes=[
            _fixed("/", _render(model), "text/html"),
            *(
                _fixed(f"/{name}", (_HERE / name).read_bytes(), kind)
                for name, kind in _FILES.items()
            ),
            Route("/status", status),
            Route("/captions", captions, methods=["POST"]),
        ],
        middleware=[
            Middleware(WithHeaders),
            Middleware(TrustedHostMiddleware, allowed_hosts=HOSTS, www_redirect=False),
        ],
        exception_handlers={
            HTTPException: _refuse,
            CaptionflowError: _unable,
            ClientDisconnect: _gone,
            Exception: _failed,
        },
        lifespan=lifespan,
    )


def _fixed(path: str, content: bytes, kind: str) -> Route:
    async def answer(_: Request) -> Response:
        return Response(content, media_type=kind)

    return Route(path, answer)


def _render(model: str) -> bytes:
    templates = Environment(
        loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined
    )
    return (
        templates.get_template("page.html.jinja")
        .render(model=model, formats=FORMATS, max_bytes=MAX_BYTES, max_pixels=MAX_PIXELS)
        .encode()
    )


async def _read(request: Request, name: str) -> bytes:
    # What is announced as too large is not read at all, and of the rest no more than allowed.
    announced = int(request.headers.get("content-length", 0))
    body = bytearray()
    if announced <= MAX_BYTES:
        async for part in request.stream():
            body += part
            if len(body) > MAX_BYTES:
                break
        else:
            return bytes(body)
    raise HTTPException(
        413,
        f"{name} can't be read as a photo: its file must not be larger than {MAX_BYTES >> 20} MiB",
    )


async def _refuse(_: Request, error: Any) -> Response:
    return JSONResponse({"error": error.detail}, error.status_code, error.headers)


async def _unable(_: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, 503)


async def _gone(_: Request, __: Exception) -> Response:
    return Response(status_code=_GONE)


async def _failed(_: Request, error: Exception) -> Response:
    # Starlette raises it anew, so that the server logs where it comes from.
    kind = type(error).__name__
    return JSONResponse({"error": f"The photo can't be described, by a fault here ({kind})"}, 500)
