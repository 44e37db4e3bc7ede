"""The files connector on a drop over SFTP: a real SSH server in this process, over loopback."""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import paramiko
import pytest

from connectors.contract import Cursor, Page, Reading
from connectors.errors import AuthExpired, ConfigProblem, Unavailable
from connectors.table.files import FileSource, Settings, connect

OLD = 1_700_000_000


class NothingSeen:
    def count(self, kind: str, since: datetime, before: datetime) -> int:
        return 0


class Gate(paramiko.ServerInterface):
    """Lets in joe with his password or his key."""

    def __init__(self, server: Server) -> None:
        self.server = server

    def check_auth_password(self, username: str, password: str) -> int:
        self.server.tried.append(password)
        return paramiko.AUTH_SUCCESSFUL if (username, password) == ("joe", "hush") else paramiko.AUTH_FAILED

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        return paramiko.AUTH_SUCCESSFUL if key == self.server.user_key else paramiko.AUTH_FAILED

    def get_allowed_auths(self, username: str) -> str:
        return "password,publickey"

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.OPEN_SUCCEEDED


class Handle(paramiko.SFTPHandle):
    server: Server

    def read(self, offset: int, length: int) -> bytes | int:
        data = super().read(offset, length)
        self.server.while_reading()
        return data


class Files(paramiko.SFTPServerInterface):
    """The server's folder, read only."""

    def __init__(self, gate: Gate, *args: object, **more: object) -> None:
        self.here = gate.server
        super().__init__(gate)

    def list_folder(self, path: str) -> list[paramiko.SFTPAttributes] | int:
        folder = self.here.folder / path.lstrip("/")
        if not folder.is_dir():
            return paramiko.SFTP_NO_SUCH_FILE
        found = []
        for one in sorted(folder.iterdir()):
            attributes = paramiko.SFTPAttributes.from_stat(one.stat())
            attributes.filename = one.name
            found.append(attributes)
        return found

    def stat(self, path: str) -> paramiko.SFTPAttributes | int:
        try:
            return paramiko.SFTPAttributes.from_stat((self.here.folder / path.lstrip("/")).stat())
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno or 0)

    lstat = stat

    def open(self, path: str, flags: int, attr: paramiko.SFTPAttributes) -> paramiko.SFTPHandle | int:
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            return paramiko.SFTP_PERMISSION_DENIED
        handle = Handle(flags)
        handle.server = self.here
        handle.readfile = (self.here.folder / path.lstrip("/")).open("rb")
        handle.writefile = None
        return handle


class Server:
    """An SSH server on loopback. `while_reading` is called whenever a part of a file was sent."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key = paramiko.ECDSAKey.generate()
        self.user_key = paramiko.ECDSAKey.generate()
        self.tried: list[str] = []
        self.while_reading: Callable[[], None] = lambda: None
        self._transports: list[paramiko.Transport] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                caller, _ = self._socket.accept()
            except OSError:
                return
            transport = paramiko.Transport(caller)
            transport.add_server_key(self.key)
            transport.set_subsystem_handler("sftp", paramiko.SFTPServer, Files)
            self._transports.append(transport)
            try:
                transport.start_server(server=Gate(self), event=threading.Event())
            except (paramiko.SSHException, EOFError):
                continue

    def stop(self) -> None:
        with suppress(OSError):  # it was stopped before
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for one in self._transports:
            one.close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    (tmp_path / "drop" / "erp").mkdir(parents=True)
    one = Server(tmp_path / "drop")
    yield one
    one.stop()


@pytest.fixture
def known(server: Server, tmp_path: Path) -> Path:
    """The file in which the server's key stands."""
    path = tmp_path / "known_hosts"
    path.write_text(f"[127.0.0.1]:{server.port} {server.key.get_name()} {server.key.get_base64()}\n")
    return path


def write(server: Server, name: str, text: str, at: int = OLD) -> None:
    path = server.folder / "erp" / name
    path.write_text(text)
    os.utime(path, (at, at))


def source(server: Server, known: Path, **changes: object) -> FileSource:
    sftp = {
        "host": "127.0.0.1",
        "port": server.port,
        "user": "joe",
        "password": "hush",
        "known_hosts": known,
        **changes,
    }
    source = connect("erp", Settings(folder="erp", sftp=sftp, rest="1h"))
    source.define("plant", {"file": "plants-*.csv", "id": "no"})
    return source


def poll(source: FileSource, after: Cursor | None = None) -> tuple[list[tuple[str, object]], Cursor | None]:
    pages: list[Page] = list(source.changes([Reading(kind="plant", fields=["name"], after=after)], NothingSeen()))
    found = [(r.id, r.fields["name"]) for page in pages for r in page.records]
    return found, json.loads(json.dumps(pages[-1].cursor)) if pages else after


def test_the_newest_file_of_a_drop_is_read_and_only_when_it_changed(server: Server, known: Path) -> None:
    write(server, "plants-1.csv", "no,name\n1,old\n")
    write(server, "plants-2.csv", "no,name\n1,a\n2,b\n", at=OLD + 60)
    (server.folder / "erp" / "plants-3.csv").write_text("no,name\n1,ha")
    one = source(server, known)
    assert one.check().problems == ()
    found, cursor = poll(one)
    assert found == [("1", "a"), ("2", "b")]
    server.while_reading = lambda: pytest.fail("it was read again")
    assert poll(one, cursor) == ([], cursor)
    server.while_reading = lambda: None
    write(server, "plants-3.csv", "no,name\n1,half and whole\n2,b\n", at=OLD + 90)
    assert ("1", "half and whole") in poll(one, cursor)[0]
    assert [roll.alive for roll in one.ids("plant")] == [["1", "2"]]


def test_a_file_that_grows_while_it_is_fetched_is_not_taken(server: Server, known: Path) -> None:
    write(server, "plants-1.csv", "no,name\n1,a\n")
    server.while_reading = lambda: write(server, "plants-1.csv", "no,name\n1,a\n2,b\n", at=OLD + 1)
    with pytest.raises(Unavailable, match="changed while it was read"):
        poll(source(server, known))
    server.while_reading = lambda: None
    assert poll(source(server, known))[0] == [("1", "a"), ("2", "b")]


def test_a_user_may_come_with_a_key(server: Server, known: Path, tmp_path: Path) -> None:
    server.user_key.write_private_key_file(str(tmp_path / "key"))
    write(server, "plants-1.csv", "no,name\n1,a\n")
    assert poll(source(server, known, password=None, key_file=tmp_path / "key"))[0] == [("1", "a")]


def test_a_server_whose_key_is_not_known_is_told_nothing(server: Server, known: Path) -> None:
    """Neither a key that stands nowhere nor another than the one that stands there is taken on trust."""
    known.write_text("")
    with pytest.raises(ConfigProblem, match="does not stand in"):
        poll(source(server, known))
    other = paramiko.ECDSAKey.generate()
    known.write_text(f"[127.0.0.1]:{server.port} {other.get_name()} {other.get_base64()}\n")
    with pytest.raises(ConfigProblem, match="shows another key"):
        poll(source(server, known))
    known.unlink()
    with pytest.raises(ConfigProblem, match="there is no file"):
        poll(source(server, known))
    assert server.tried == []


def test_a_refused_password_pauses_the_system_and_is_not_repeated(server: Server, known: Path) -> None:
    with pytest.raises(AuthExpired, match="refused the user") as caught:
        poll(source(server, known, password="wrong-word"))
    assert "wrong-word" not in caught.value.message


def test_a_server_or_a_folder_that_is_away_is_waited_for(server: Server, known: Path) -> None:
    with pytest.raises(Unavailable, match="there is no file"):
        poll(source(server, known))
    (server.folder / "erp").rmdir()
    with pytest.raises(Unavailable, match="there is no file"):
        poll(source(server, known))
    server.stop()
    with pytest.raises(Unavailable, match="does not answer"):
        poll(source(server, known))


def test_what_speaks_sftp_is_named_with_its_extra(server: Server, known: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "paramiko", None)
    with pytest.raises(ConfigProblem, match=r'pip install "syncd\[sftp\]"'):
        poll(source(server, known))
