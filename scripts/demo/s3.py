"""``python -m scripts.demo.s3 PORT``: moto's S3 on 127.0.0.1, without access for web pages.

moto accepts every origin and resets itself on request, so any web page in a browser on this machine could delete the
demo's lake.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_OWN_HOST = re.compile(r"(?:127\.0\.0\.1|localhost|\[::1\])(?::[0-9]{1,5})?", re.IGNORECASE)


def without_web_pages(app: WSGIApplication) -> WSGIApplication:
    """Return ``app`` behind a check: 403 for requests of web pages, and for a ``Host`` other than loopback."""

    def guarded(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        of_page = {"HTTP_ORIGIN", "HTTP_SEC_FETCH_SITE"} & environ.keys()
        if of_page or not _OWN_HOST.fullmatch(environ.get("HTTP_HOST", "")):
            start_response("403 Forbidden", [("Content-Type", "text/plain")])
            return [b"This S3 server accepts no requests from web pages."]
        return app(environ, start_response)

    return guarded


def main(port: int) -> None:
    """Serve until SIGTERM."""
    # A development requirement, imported in this process only.
    from moto.moto_server.werkzeug_app import (
        DomainDispatcherApplication,
        MotoRequestHandler,
        create_backend_app,
    )
    from werkzeug.serving import run_simple

    app = without_web_pages(DomainDispatcherApplication(create_backend_app))
    run_simple("127.0.0.1", port, app, threaded=True, request_handler=MotoRequestHandler)


if __name__ == "__main__":
    main(int(sys.argv[1]))
