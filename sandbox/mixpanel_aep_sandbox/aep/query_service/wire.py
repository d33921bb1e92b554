"""Messages of PostgreSQL's protocol, version 3 (postgresql.org, Frontend/Backend Protocol)."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass

from mixpanel_aep_sandbox.aep.query_service.errors import UNSUPPORTED_MESSAGE, SqlError

SSL_REQUEST, GSS_REQUEST, CANCEL_REQUEST = 80877103, 80877104, 80877102
PROTOCOL = 3
_LARGEST = 16 * 1024 * 1024


class Closed(Exception):
    """The client has disconnected."""


@dataclass
class Body:
    """The contents of a message, read from the front. Raises SqlError if it ends too early."""

    data: bytes
    at: int = 0

    def take(self, count: int) -> bytes:
        """Return the next bytes."""
        if count < 0 or self.at + count > len(self.data):
            raise SqlError(UNSUPPORTED_MESSAGE, "invalid message format", fatal=True)
        self.at += count
        return self.data[self.at - count : self.at]

    def int16(self) -> int:
        """Return the next 16-bit integer."""
        return int(struct.unpack("!h", self.take(2))[0])

    def int32(self) -> int:
        """Read the next 32-bit integer."""
        return int(struct.unpack("!i", self.take(4))[0])

    def text(self) -> str:
        """Read the next text, which ends with a zero byte."""
        end = self.data.find(b"\0", self.at)
        if end < 0:
            raise SqlError(UNSUPPORTED_MESSAGE, "invalid message format", fatal=True)
        taken = self.take(end - self.at)
        self.at += 1
        try:
            return taken.decode()
        except UnicodeDecodeError as error:
            raise SqlError("22021", "invalid byte sequence for encoding UTF8") from error


class Wire:
    """A connection: reads whole messages, and sends all messages when ``flush`` is called."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._file = connection.makefile("rb")
        self._out = bytearray()

    def startup(self) -> tuple[int, Body]:
        """Return code and contents of the first message, which has no type. Raises Closed."""
        body = self._contents(self._file.read(4))
        return body.int32(), body

    def message(self) -> tuple[bytes, Body]:
        """Return type and contents of the next message. Raises Closed."""
        kind = self._file.read(1)
        if not kind:
            raise Closed
        return kind, self._contents(self._file.read(4))

    def _contents(self, head: bytes) -> Body:
        if len(head) < 4:
            raise Closed
        size = struct.unpack("!i", head)[0] - 4
        if not 0 <= size <= _LARGEST:
            raise SqlError(UNSUPPORTED_MESSAGE, "invalid length of message", fatal=True)
        data = self._file.read(size)
        if len(data) < size:
            raise Closed
        return Body(data)

    def put(self, kind: bytes, *parts: bytes) -> None:
        """Add a message to what the next ``flush`` sends."""
        data = b"".join(parts)
        self._out += kind + struct.pack("!i", len(data) + 4) + data
        if len(self._out) > 1 << 20:
            self.flush()

    def answer(self, byte: bytes) -> None:
        """Send one byte: the response to a request for encryption."""
        self._socket.sendall(byte)

    def flush(self) -> None:
        """Send the pending messages."""
        self._socket.sendall(bytes(self._out))
        self._out.clear()

    def error(self, error: SqlError) -> None:
        """Add an error message."""
        severity = "FATAL" if error.fatal else "ERROR"
        fields = {"S": severity, "V": severity, "C": error.state, "M": error.message}
        self.put(b"E", *(name.encode() + text(value) for name, value in fields.items()), b"\0")

    def close(self) -> None:
        """Close the connection."""
        self._file.close()
        self._socket.close()


def text(value: str) -> bytes:
    """Return a text with its end."""
    return value.replace("\0", "").encode() + b"\0"


def int16(value: int) -> bytes:
    """Return a 16-bit integer."""
    return struct.pack("!h", value)


def int32(value: int) -> bytes:
    """Return a number encoded as a 32-bit integer."""
    return struct.pack("!i", value)


def unsigned32(value: int) -> bytes:
    """Return an unsigned 32-bit integer."""
    return struct.pack("!I", value)
