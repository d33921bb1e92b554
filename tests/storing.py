"""An S3 of the tests' own: moto's server on a free loopback port, with an empty bucket."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import requests
from moto.server import ThreadedMotoServer

SIGNED = {"Authorization": "AWS4-HMAC-SHA256 Credential=x/20260701/us-east-1/s3/aws4_request"}
"""By this moto tells that a request is for S3; it checks no more of it."""


@contextmanager
def s3_stand_in(bucket: str) -> Iterator[str]:
    """Its address, for ``AWS_ENDPOINT_URL``."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        requests.put(f"http://{host}:{port}/{bucket}", headers=SIGNED, timeout=10).raise_for_status()
        yield f"http://{host}:{port}"
    finally:
        server.stop()
