"""Encoding and decoding of messages of PostgreSQL's protocol, version 3 (postgresql.org, Frontend/Backend Protocol).

All integers are big-endian.
"""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass

from mixpanel_aep_sandbox.aep.query_service.errors import UNSUPPORTED_MESSAGE, SqlError

SSL_REQUEST, GSS_REQUEST, CANCEL_REQUEST = 80877103, 80877104, 80877102
PROTOCOL = 3
_LARGEST = 16 * 1024 * 1024


class Closed(Exception):
    """The client has disconnected, possibly in the middle of a message."""


@dataclass
class Body:
    """The contents of a message, which are read field by field.

    Its methods raise a fatal SqlError if the message is too short.
    """

    data: bytes
    at: int = 0

    def read_bytes(self, count: int) -> bytes:
        """Read the next ``count`` bytes."""
        if count < 0 or self.at + count > len(self.data):
            raise SqlError(UNSUPPORTED_MESSAGE, "invalid message format", fatal=True)
        self.at += count
        return self.data[self.at - count : self.at]

    def read_int16(self) -> int:
        """Read the next 2 bytes as a signed integer."""
        return int(struct.unpack("!h", self.read_bytes(2))[0])

    def read_int32(self) -> int:
        """Read the next 4 bytes as a signed integer."""
        return int(struct.unpack("!i", self.read_bytes(4))[0])

    def read_text(self) -> str:
        """Read the next text, which is UTF-8 and ends with a zero byte."""
        end = self.data.find(b"\0", self.at)
        if end < 0:
            raise SqlError(UNSUPPORTED_MESSAGE, "invalid message format", fatal=True)
        encoded = self.read_bytes(end - self.at)
        self.at += 1
        try:
            return encoded.decode()
        except UnicodeDecodeError as error:
            raise SqlError("22021", "invalid byte sequence for encoding UTF8") from error


class Wire:
    """A client's connection: reads complete messages, and buffers messages to send until ``flush`` is called."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._file = connection.makefile("rb")
        self._out = bytearray()

    def read_startup(self) -> tuple[int, Body]:
        """Read the first message of a connection, which has no type.

        Returns:
            Its code (the protocol version, or a request), and its contents after the code.

        Raises:
            Closed: the client has disconnected.
        """
        body = self._contents(self._file.read(4))
        return body.read_int32(), body

    def read_message(self) -> tuple[bytes, Body]:
        """Read the next message, and return its type (one byte) and its contents. Raises Closed on disconnection."""
        kind = self._file.read(1)
        if not kind:
            raise Closed
        return kind, self._contents(self._file.read(4))

    def _contents(self, length: bytes) -> Body:
        """Read the contents of a message.

        Args:
            length: The length field of the message, whose number includes the field itself.
        """
        if len(length) < 4:
            raise Closed
        size = struct.unpack("!i", length)[0] - 4
        if not 0 <= size <= _LARGEST:
            raise SqlError(UNSUPPORTED_MESSAGE, "invalid length of message", fatal=True)
        data = self._file.read(size)
        if len(data) < size:
            raise Closed
        return Body(data)

    def put(self, kind: bytes, *parts: bytes) -> None:
        """Buffer a message of type ``kind`` (one byte) with these contents; send the buffer if it is above 1 MiB."""
        data = b"".join(parts)
        self._out += kind + struct.pack("!i", len(data) + 4) + data
        if len(self._out) > 1 << 20:
            self.flush()

    def send_byte(self, byte: bytes) -> None:
        """Send one byte at once; used for the response to a request for encryption."""
        self._socket.sendall(byte)

    def flush(self) -> None:
        """Send all buffered messages."""
        self._socket.sendall(bytes(self._out))
        self._out.clear()

    def put_error(self, error: SqlError) -> None:
        """Buffer an ErrorResponse message for the error."""
        severity = "FATAL" if error.fatal else "ERROR"
        fields = {"S": severity, "V": severity, "C": error.state, "M": error.message}
        self.put(b"E", *(name.encode() + pack_text(value) for name, value in fields.items()), b"\0")

    def close(self) -> None:
        """Close the connection."""
        self._file.close()
        self._socket.close()


def pack_text(value: str) -> bytes:
    """Encode a text as UTF-8 with a zero byte at the end, as PostgreSQL's protocol sends texts."""
    return value.replace("\0", "").encode() + b"\0"


def pack_int16(value: int) -> bytes:
    """Encode a signed integer as 2 bytes, big-endian, as PostgreSQL's protocol sends it."""
    return struct.pack("!h", value)


def pack_int32(value: int) -> bytes:
    """Encode a signed integer as 4 bytes, big-endian, as PostgreSQL's protocol sends it."""
    return struct.pack("!i", value)


def pack_uint32(value: int) -> bytes:
    """Encode an unsigned integer as 4 bytes, big-endian, as PostgreSQL's protocol sends it."""
    return struct.pack("!I", value)
