"""The command that copies the state while it is in use: backup."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import click

from syncd.cli.common import config_option, examples


@click.command(epilog=examples("syncd backup /backup/state.db"))
@config_option
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def backup(config: Path, file: Path) -> int:
    """Copy the state to a new FILE, whole and consistent, at any time; only its owner may read it.

    For SQLite. PostgreSQL has pg_dump.
    """
    from sqlalchemy import make_url

    from syncd.wiring import read_config

    url = make_url(read_config(config).state)
    if url.get_backend_name() != "sqlite":
        raise click.ClickException(f"the state is on PostgreSQL; copy it with: pg_dump --format=custom {url.database}")
    if not url.database or not Path(url.database).exists():
        raise click.ClickException(f"{url.database}: there is no state yet; nothing was copied")
    try:
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError as error:
        raise click.ClickException(f"{file} is there already and is left as it is; name a new file") from error
    except OSError as error:
        raise click.ClickException(f"{file} cannot be written: {error.strerror}; nothing was copied") from error
    try:
        with closing(sqlite3.connect(url.database, timeout=60)) as source, closing(sqlite3.connect(file)) as copy:
            source.backup(copy)
    except sqlite3.Error as error:
        file.unlink()
        raise click.ClickException(
            f"{file}: the copy failed ({error}) and was removed; the state is as it was"
        ) from error
    click.echo(f"{file}: {file.stat().st_size / 1_000_000:,.1f} MB")
    return 0
