"""One session of PostgreSQL's protocol after the login, with simple and extended queries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from mixpanel_aep_sandbox.aep.core.scope import AepSandboxScope
from mixpanel_aep_sandbox.aep.query_service.commands import PARAMETERS, Commands
from mixpanel_aep_sandbox.aep.query_service.engine import Column, Engine, RunningQuery
from mixpanel_aep_sandbox.aep.query_service.errors import SYNTAX, UNSUPPORTED_MESSAGE, SqlError
from mixpanel_aep_sandbox.aep.query_service.portals import Portal, PreparedStatement
from mixpanel_aep_sandbox.aep.query_service.slots import QuerySlots
from mixpanel_aep_sandbox.aep.query_service.statements import parameter_count, split_statements
from mixpanel_aep_sandbox.aep.query_service.values import (
    byte_size,
    decode_to_literal,
    encode_binary,
    encode_text,
    oid_of_type,
)
from mixpanel_aep_sandbox.aep.query_service.wire import (
    Body,
    Wire,
    pack_int16,
    pack_int32,
    pack_text,
    pack_uint32,
)

_TEXT_OID = 25


@dataclass
class Session:
    """A session of a client on one connection, after its login.

    Attributes:
        wire: The connection.
        scope: The AEP sandbox.
        slots: The limits of concurrent queries.
        process: With ``secret``, the number by which the client can cancel a query on another connection.
        secret: A random number.
        running: The handle of the current or last query.
    """

    wire: Wire
    scope: AepSandboxScope
    slots: QuerySlots
    process: int
    secret: int
    running: RunningQuery = field(default_factory=RunningQuery)

    def __post_init__(self) -> None:
        self._engine = Engine(self.scope)
        self._commands = Commands(self.scope)
        self._prepared: dict[str, PreparedStatement] = {}
        self._portals: dict[str, Portal] = {}
        self._handlers: dict[bytes, Callable[[Body], None]] = {
            b"P": self._handle_parse,
            b"B": self._handle_bind,
            b"D": self._handle_describe,
            b"E": self._handle_execute,
            b"C": self._handle_close,
        }

    def serve(self) -> None:
        """Process the client's messages until it sends Terminate.

        Raises:
            Closed: the client has disconnected.
            SqlError: a message is invalid; the error is fatal.
        """
        self._send_session_start()
        skipping = False
        while True:
            kind, body = self.wire.read_message()
            if kind == b"X":
                return
            if kind == b"S":
                skipping = False
                self._send_ready()
            elif kind == b"H":
                self.wire.flush()
            elif kind == b"Q":
                self._handle_query(body.read_text())
            elif not skipping:
                skipping = not self._process_extended(kind, body)

    def close(self) -> None:
        """Close the session's database. The listener closes the connection."""
        self._engine.close()

    def cancel(self) -> None:
        """Cancel the running query. Another thread calls this, for a cancel request on another connection."""
        self.running.cancel()

    def _send_session_start(self) -> None:
        self.wire.put(b"R", pack_int32(0))
        for name, value in PARAMETERS.items():
            self.wire.put(b"S", pack_text(name), pack_text(value))
        self.wire.put(b"K", pack_int32(self.process), pack_uint32(self.secret))
        self._send_ready()

    def _send_ready(self) -> None:
        self.wire.put(b"Z", self._commands.state)
        self.wire.flush()

    def _process_extended(self, kind: bytes, body: Body) -> bool:
        """Process a message of the extended query protocol, and return whether it succeeded.

        After a failure, the caller must skip messages until Sync.
        """
        handler = self._handlers.get(kind)
        if handler is None:
            raise SqlError(UNSUPPORTED_MESSAGE, "Unsupported message type", fatal=True)
        try:
            handler(body)
        except SqlError as error:
            self._report_error(error)
            return False
        return True

    def _report_error(self, error: SqlError) -> None:
        """Send an error to the client, and mark the transaction as failed. A fatal error is raised instead."""
        if error.fatal:
            raise error
        self._commands.fail_transaction()
        self.wire.put_error(error)

    def _handle_query(self, sql: str) -> None:
        statements = split_statements(sql)
        if not statements:
            self.wire.put(b"I")
        try:
            for statement in statements:
                portal = Portal(PreparedStatement(statement, []), [], [])
                self._run(portal)
                if portal.result is not None:
                    self._send_row_description(portal.result.columns, portal)
                self._send_result(portal, 0)
        except SqlError as error:
            self._report_error(error)
        self._send_ready()

    def _handle_parse(self, body: Body) -> None:
        name, sql = body.read_text(), body.read_text()
        types = [body.read_int32() for _ in range(body.read_int16())]
        statements = split_statements(sql)
        if len(statements) > 1:
            raise SqlError(SYNTAX, "cannot insert multiple commands into a prepared statement")
        self._prepared[name] = PreparedStatement(statements[0] if statements else "", types)
        self.wire.put(b"1")

    def _handle_bind(self, body: Body) -> None:
        name, prepared = body.read_text(), self._find_prepared(body.read_text())
        formats = [body.read_int16() for _ in range(body.read_int16())]
        values = []
        for number in range(1, body.read_int16() + 1):
            size = body.read_int32()
            data = None if size < 0 else body.read_bytes(size)
            code = formats[0] if len(formats) == 1 else (formats[number - 1 : number] or [0])[0]
            try:
                values.append(decode_to_literal(data, prepared.type_of(number), binary=code == 1))
            except (ValueError, ArithmeticError) as error:
                raise SqlError("22P02", f"invalid value of parameter ${number}") from error
        self._portals[name] = Portal(prepared, values, [body.read_int16() for _ in range(body.read_int16())])
        self.wire.put(b"2")

    def _handle_describe(self, body: Body) -> None:
        kind, name = body.read_bytes(1), body.read_text()
        if kind == b"P":
            portal = self._find_portal(name)
        else:
            prepared = self._find_prepared(name)
            count = max(parameter_count(prepared.sql), len(prepared.types))
            types = [prepared.type_of(number) or _TEXT_OID for number in range(1, count + 1)]
            self.wire.put(b"t", pack_int16(count), *map(pack_int32, types))
            portal = Portal(prepared, ["NULL"] * count, [])
        columns = self._columns(portal)
        if columns is None:
            self.wire.put(b"n")
        else:
            self._send_row_description(columns, portal)

    def _columns(self, portal: Portal) -> list[Column] | None:
        """Return the columns of a portal's result, or None for a statement without rows."""
        first = portal.prepared.sql.lower().split()[:1]
        if first in ([], ["set"], ["begin"], ["start"], ["commit"], ["end"], ["rollback"], ["abort"]):
            return None
        if first == ["show"]:
            self._run(portal)
            return portal.result.columns if portal.result else None
        return self._engine.describe(
            portal.prepared.sql, portal.value, with_system_columns=self._commands.with_system_columns
        )

    def _handle_execute(self, body: Body) -> None:
        portal, max_rows = self._find_portal(body.read_text()), body.read_int32()
        if not portal.prepared.sql:
            self.wire.put(b"I")
            return
        if not portal.tag:
            self._run(portal)
        self._send_result(portal, max_rows)

    def _handle_close(self, body: Body) -> None:
        kind, name = body.read_bytes(1), body.read_text()
        (self._portals if kind == b"P" else self._prepared).pop(name, None)
        self.wire.put(b"3")

    def _run(self, portal: Portal) -> None:
        """Run the portal's statement, and store its tag and its result in the portal."""
        command = self._commands.run(portal.prepared.sql)
        if command is not None:
            portal.tag, portal.result = command
            return
        self.running = RunningQuery()
        with self.slots.query(self.scope.org, self.running, self._commands.statement_seconds):
            portal.result = self._engine.run(
                portal.prepared.sql,
                portal.value,
                self.running,
                with_system_columns=self._commands.with_system_columns,
            )
        portal.tag = "SELECT"

    def _send_result(self, portal: Portal, max_rows: int) -> None:
        """Send at most ``max_rows`` remaining rows (0: all), then the message that ends or suspends the result."""
        if portal.result is None:
            self.wire.put(b"C", pack_text(portal.tag))
            return
        types = [oid_of_type(column.kind) for column in portal.result.columns]
        binary = [portal.is_binary(number) for number in range(len(types))]
        rows = portal.result.rows
        end = min(len(rows), portal.sent + max_rows) if max_rows > 0 else len(rows)
        for row in rows[portal.sent : end]:
            cells = (
                encode_binary(value, oid) if as_bytes else encode_text(value, oid)
                for value, oid, as_bytes in zip(row, types, binary, strict=True)
            )
            packed = b"".join(
                pack_int32(-1) if cell is None else pack_int32(len(cell)) + cell for cell in cells
            )
            self.wire.put(b"D", pack_int16(len(types)), packed)
        count, portal.sent = end - portal.sent, end
        if end < len(rows):
            self.wire.put(b"s")
        else:
            self.wire.put(b"C", pack_text(f"SELECT {count}" if portal.tag == "SELECT" else portal.tag))

    def _send_row_description(self, columns: list[Column], portal: Portal) -> None:
        fields = []
        for number, column in enumerate(columns):
            oid = oid_of_type(column.kind)
            size, format_code = byte_size(oid), int(portal.is_binary(number))
            numbers = (pack_int32(0), pack_int16(0), pack_int32(oid), pack_int16(size), pack_int32(-1))
            fields.append(b"".join((pack_text(column.name), *numbers, pack_int16(format_code))))
        self.wire.put(b"T", pack_int16(len(columns)), *fields)

    def _find_prepared(self, name: str) -> PreparedStatement:
        if name not in self._prepared:
            raise SqlError("26000", f'prepared statement "{name}" does not exist')
        return self._prepared[name]

    def _find_portal(self, name: str) -> Portal:
        if name not in self._portals:
            raise SqlError("34000", f'portal "{name}" does not exist')
        return self._portals[name]
