"""An S3 for tests: moto's server on a free loopback port, with an empty bucket."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import requests
from moto.moto_server.werkzeug_app import MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

SIGNED = {"Authorization": "AWS4-HMAC-SHA256 Credential=x/20260701/us-east-1/s3/aws4_request"}
"""The header by which moto recognises a request to S3; it checks nothing else."""


def s3_environment(url: str, key: str = "key", secret: str = "secret") -> dict[str, str]:
    """Return the environment variables with which a lake uses the server at ``url``."""
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": key,
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_REGION": "us-east-1",
    }


@contextmanager
def s3_server(bucket: str) -> Iterator[str]:
    """Start the server; yield its address, for ``AWS_ENDPOINT_URL``."""
    # Only S3: moto's own server searches all of AWS at each request for the requested service.
    application = create_backend_app("s3")
    server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=MotoRequestHandler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}"
    try:
        requests.put(f"{url}/{bucket}", headers=SIGNED, timeout=10).raise_for_status()
        yield url
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
