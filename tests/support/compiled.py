"""A statement is compiled once per test process, and not once more for each new database: that was a sixth of all."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy.engine import Engine

MOST = 3_000  # statements, those of tables that a test made for itself among them


class Compiled(dict[Any, Any]):
    """SQLAlchemy's `compiled_cache`, whose keys begin with the dialect: another of the same kind counts as the same."""

    def get(self, key: Any, default: Any = None) -> Any:
        return super().get(_whosever(key), default)

    def __setitem__(self, key: Any, compiled: Any) -> None:
        if len(self) >= MOST:
            self.clear()
        super().__setitem__(_whosever(key), compiled)


_COMPILED = Compiled()


@event.listens_for(Engine, "engine_connect")
def share_compiled(connection: Connection) -> None:
    connection.execution_options(compiled_cache=_COMPILED)


# ---------------------------------------------------------------------------------------------------------------------


def _whosever(key: tuple[Any, ...]) -> tuple[Any, ...]:
    dialect, *of = key
    return type(dialect), dialect._json_serializer, dialect._json_deserializer, *of
