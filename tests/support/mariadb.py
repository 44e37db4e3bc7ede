"""A MariaDB server of Debian's for the tests of this process, in a folder of its own, without a network."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import quote

import pymysql
import pytest

SERVER = shutil.which("mariadbd", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
INSTALL = shutil.which("mariadb-install-db", path="/usr/bin:/usr/local/bin")
START_SECONDS = 120  # what a machine under load may take, not what it does take


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[Path]:
    """The socket of a running server whose user `root` has no password."""
    if SERVER is None or INSTALL is None:
        pytest.skip("MariaDB is not installed; `make databases` installs Debian's")
    # The socket's path may have no more than 107 characters.
    folder = Path(tempfile.mkdtemp(prefix="syncd-maria-", dir="/tmp"))
    options = [f"--datadir={folder}/data", "--user=root"] if os.geteuid() == 0 else [f"--datadir={folder}/data"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run(
        [INSTALL, "--no-defaults", *options, "--auth-root-authentication-method=normal", "--skip-test-db"],
        check=True,
        **quiet,
    )
    small = ["--innodb-buffer-pool-size=16M", "--innodb-flush-log-at-trx-commit=0", "--skip-networking"]
    small.append("--default-time-zone=+03:00")  # as an ERP's may be; whoever reads must not depend on it
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [SERVER, "--no-defaults", *options, *small, f"--socket={folder}/sock", f"--pid-file={folder}/pid"],
            stdout=log,
            stderr=log,
        )
    try:
        _wait_until_it_answers(server, folder)
        yield folder / "sock"
    finally:
        server.terminate()
        server.wait()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def mariadb_admin(mariadb_server: Path) -> Callable[..., pymysql.Connection]:
    """Connects as root, as an ERP would write."""

    def connect(database: str | None = None) -> pymysql.Connection:
        return pymysql.connect(unix_socket=str(mariadb_server), user="root", database=database, autocommit=True)

    return connect


@pytest.fixture
def mariadb_url(mariadb_server: Path, mariadb_admin: Callable[..., pymysql.Connection]) -> str:
    """The address of an empty database, for a user that may do anything in it."""
    with closing(mariadb_admin()) as admin, admin.cursor() as cursor:
        cursor.execute("drop database if exists erp")
        cursor.execute("create database erp character set utf8mb4")
        cursor.execute("grant all on erp.* to 'reader'@'localhost' identified by 'hush'")
    return f"mariadb://reader:hush@localhost/erp?unix_socket={quote(str(mariadb_server))}"


# ---------------------------------------------------------------------------------------------------------------------


def _wait_until_it_answers(server: subprocess.Popen[bytes], folder: Path) -> None:
    for _ in range(START_SECONDS * 10):
        if server.poll() is not None:
            raise RuntimeError((folder / "log").read_text(errors="replace")[-2000:])
        with closing(socket.socket(socket.AF_UNIX)) as caller:  # a driver that fails here leaves its socket open
            if caller.connect_ex(str(folder / "sock")) == 0:
                return
        with suppress(subprocess.TimeoutExpired):
            server.wait(0.1)
    raise RuntimeError("MariaDB did not start in time")
