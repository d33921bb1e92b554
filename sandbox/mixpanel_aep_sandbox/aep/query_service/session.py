"""One session after its login, with simple and extended queries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from mixpanel_aep_sandbox.aep.core.scope import AepSandboxScope
from mixpanel_aep_sandbox.aep.query_service.commands import PARAMETERS, Commands
from mixpanel_aep_sandbox.aep.query_service.engine import Column, Engine, Running
from mixpanel_aep_sandbox.aep.query_service.errors import SYNTAX, UNSUPPORTED_MESSAGE, SqlError
from mixpanel_aep_sandbox.aep.query_service.portals import Portal, Prepared
from mixpanel_aep_sandbox.aep.query_service.slots import QuerySlots
from mixpanel_aep_sandbox.aep.query_service.statements import parameter_count, split
from mixpanel_aep_sandbox.aep.query_service.values import as_binary, as_text, literal_of, size_of, type_of
from mixpanel_aep_sandbox.aep.query_service.wire import Body, Wire, int16, int32, text, unsigned32

_TEXT_OID = 25


@dataclass
class Session:
    """A session of the PostgreSQL protocol on one connection, after its login."""

    wire: Wire
    scope: AepSandboxScope
    slots: QuerySlots
    process: int
    secret: int
    running: Running = field(default_factory=Running)

    def __post_init__(self) -> None:
        self._engine = Engine(self.scope)
        self._commands = Commands(self.scope)
        self._prepared: dict[str, Prepared] = {}
        self._portals: dict[str, Portal] = {}
        self._handlers: dict[bytes, Callable[[Body], None]] = {
            b"P": self._parse,
            b"B": self._bind,
            b"D": self._describe,
            b"E": self._execute,
            b"C": self._close,
        }

    def serve(self) -> None:
        """Process messages until Terminate. Raises Closed, or SqlError for an invalid message."""
        self._send_session_start()
        skipping = False
        while True:
            kind, body = self.wire.message()
            if kind == b"X":
                return
            if kind == b"S":
                skipping = False
                self._ready()
            elif kind == b"H":
                self.wire.flush()
            elif kind == b"Q":
                self._query(body.text())
            elif not skipping:
                skipping = not self._process_extended(kind, body)

    def close(self) -> None:
        """Release the session's resources; the listener closes the connection."""
        self._engine.close()

    def cancel(self) -> None:
        """Cancel the running query, as another connection requests."""
        self.running.cancel()

    def _send_session_start(self) -> None:
        self.wire.put(b"R", int32(0))
        for name, value in PARAMETERS.items():
            self.wire.put(b"S", text(name), text(value))
        self.wire.put(b"K", int32(self.process), unsigned32(self.secret))
        self._ready()

    def _ready(self) -> None:
        self.wire.put(b"Z", self._commands.state)
        self.wire.flush()

    def _process_extended(self, kind: bytes, body: Body) -> bool:
        """Return whether the message succeeded; after a failure, messages are skipped until Sync."""
        handler = self._handlers.get(kind)
        if handler is None:
            raise SqlError(UNSUPPORTED_MESSAGE, "Unsupported message type", fatal=True)
        try:
            handler(body)
        except SqlError as error:
            self._failed(error)
            return False
        return True

    def _failed(self, error: SqlError) -> None:
        if error.fatal:
            raise error
        self._commands.failed()
        self.wire.error(error)

    def _query(self, sql: str) -> None:
        statements = split(sql)
        if not statements:
            self.wire.put(b"I")
        try:
            for statement in statements:
                portal = Portal(Prepared(statement, []), [], [])
                self._run(portal)
                if portal.result is not None:
                    self._row_description(portal.result.columns, portal)
                self._send(portal, 0)
        except SqlError as error:
            self._failed(error)
        self._ready()

    def _parse(self, body: Body) -> None:
        name, sql = body.text(), body.text()
        types = [body.int32() for _ in range(body.int16())]
        statements = split(sql)
        if len(statements) > 1:
            raise SqlError(SYNTAX, "cannot insert multiple commands into a prepared statement")
        self._prepared[name] = Prepared(statements[0] if statements else "", types)
        self.wire.put(b"1")

    def _bind(self, body: Body) -> None:
        name, prepared = body.text(), self._found(body.text())
        formats = [body.int16() for _ in range(body.int16())]
        values = []
        for number in range(1, body.int16() + 1):
            size = body.int32()
            data = None if size < 0 else body.take(size)
            code = formats[0] if len(formats) == 1 else (formats[number - 1 : number] or [0])[0]
            try:
                values.append(literal_of(data, prepared.type_of(number), binary=code == 1))
            except (ValueError, ArithmeticError) as error:
                raise SqlError("22P02", f"invalid value of parameter ${number}") from error
        self._portals[name] = Portal(prepared, values, [body.int16() for _ in range(body.int16())])
        self.wire.put(b"2")

    def _describe(self, body: Body) -> None:
        kind, name = body.take(1), body.text()
        if kind == b"P":
            portal = self._portal(name)
        else:
            prepared = self._found(name)
            count = max(parameter_count(prepared.sql), len(prepared.types))
            types = [prepared.type_of(number) or _TEXT_OID for number in range(1, count + 1)]
            self.wire.put(b"t", int16(count), *map(int32, types))
            portal = Portal(prepared, ["NULL"] * count, [])
        columns = self._columns(portal)
        if columns is None:
            self.wire.put(b"n")
        else:
            self._row_description(columns, portal)

    def _columns(self, portal: Portal) -> list[Column] | None:
        first = portal.prepared.sql.lower().split()[:1]
        if first in ([], ["set"], ["begin"], ["start"], ["commit"], ["end"], ["rollback"], ["abort"]):
            return None
        if first == ["show"]:
            self._run(portal)
            return portal.result.columns if portal.result else None
        return self._engine.describe(
            portal.prepared.sql, portal.value, with_system_columns=self._commands.with_system_columns
        )

    def _execute(self, body: Body) -> None:
        portal, most = self._portal(body.text()), body.int32()
        if not portal.prepared.sql:
            self.wire.put(b"I")
            return
        if not portal.tag:
            self._run(portal)
        self._send(portal, most)

    def _close(self, body: Body) -> None:
        kind, name = body.take(1), body.text()
        (self._portals if kind == b"P" else self._prepared).pop(name, None)
        self.wire.put(b"3")

    def _run(self, portal: Portal) -> None:
        command = self._commands.run(portal.prepared.sql)
        if command is not None:
            portal.tag, portal.result = command
            return
        self.running = Running()
        with self.slots.query(self.scope.org, self.running, self._commands.statement_seconds):
            portal.result = self._engine.run(
                portal.prepared.sql,
                portal.value,
                self.running,
                with_system_columns=self._commands.with_system_columns,
            )
        portal.tag = "SELECT"

    def _send(self, portal: Portal, most: int) -> None:
        """Send at most ``most`` rows (0: all remaining rows), then the message that ends the result."""
        if portal.result is None:
            self.wire.put(b"C", text(portal.tag))
            return
        types = [type_of(column.kind) for column in portal.result.columns]
        binary = [portal.is_binary(number) for number in range(len(types))]
        rows = portal.result.rows
        end = min(len(rows), portal.sent + most) if most > 0 else len(rows)
        for row in rows[portal.sent : end]:
            cells = (
                as_binary(value, oid) if as_bytes else as_text(value, oid)
                for value, oid, as_bytes in zip(row, types, binary, strict=True)
            )
            packed = b"".join(int32(-1) if cell is None else int32(len(cell)) + cell for cell in cells)
            self.wire.put(b"D", int16(len(types)), packed)
        count, portal.sent = end - portal.sent, end
        if end < len(rows):
            self.wire.put(b"s")
        else:
            self.wire.put(b"C", text(f"SELECT {count}" if portal.tag == "SELECT" else portal.tag))

    def _row_description(self, columns: list[Column], portal: Portal) -> None:
        fields = []
        for number, column in enumerate(columns):
            oid = type_of(column.kind)
            head = text(column.name) + int32(0) + int16(0) + int32(oid) + int16(size_of(oid)) + int32(-1)
            fields.append(head + int16(int(portal.is_binary(number))))
        self.wire.put(b"T", int16(len(columns)), *fields)

    def _found(self, name: str) -> Prepared:
        if name not in self._prepared:
            raise SqlError("26000", f'prepared statement "{name}" does not exist')
        return self._prepared[name]

    def _portal(self, name: str) -> Portal:
        if name not in self._portals:
            raise SqlError("34000", f'portal "{name}" does not exist')
        return self._portals[name]
