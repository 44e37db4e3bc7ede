"""Where files lie: a folder on this machine, or one on an SFTP server whose key is known.

What is in them, and which of them count, is left to connectors.table.files.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from stat import S_ISREG
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from connectors.errors import AuthExpired, ConfigProblem, ConnectorError, Unavailable

_TIMEOUT = 30.0  # seconds without a sign of the server


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """A file as it was listed. `modified` is in nanoseconds, of which SFTP knows whole seconds."""

    name: str  # from the folder
    size: int
    modified: int


class FileStore(Protocol):
    address: str

    def look(self, pattern: str) -> list[Found]:
        """Return the files whose name from the folder fits; * stands for anything but a slash."""
        ...

    def fetched(self, files: Sequence[Found]) -> AbstractContextManager[Sequence[Path]]:
        """Have the files here while the block runs."""
        ...

    def still(self, file: Found) -> None:
        """Raise Unavailable when the file is not what it was any more."""
        ...

    def close(self) -> None: ...


class SftpSettings(BaseModel):
    """An SFTP server. Its key must stand in `known_hosts`; it is never taken on trust."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = Field(min_length=1)
    port: int = Field(default=22, ge=1, le=65535)
    user: str = Field(min_length=1)
    password: SecretStr | None = None
    key_file: Path | None = None
    key_passphrase: SecretStr | None = None
    known_hosts: Path = Path("~/.ssh/known_hosts")


class Folder:
    """A folder on this machine."""

    def __init__(self, system: str, folder: Path) -> None:
        self._system = system
        self._folder = folder
        self.address = str(folder)

    def look(self, pattern: str) -> list[Found]:
        plain = self._folder / pattern
        try:
            paths = self._folder.glob(pattern) if _is_pattern(pattern) and not plain.is_file() else [plain]
            seen = [self._seen(path.relative_to(self._folder).as_posix()) for path in paths]
            return [one for one in seen if one is not None]
        except OSError as error:
            raise Unavailable(
                f"{self._system}: {self.address} cannot be looked at ({error.strerror}); check its permissions. It is "
                f"tried again",
                system=self._system,
            ) from error

    @contextmanager
    def fetched(self, files: Sequence[Found]) -> Iterator[Sequence[Path]]:
        yield [self._folder / one.name for one in files]

    def still(self, file: Found) -> None:
        if self._seen(file.name) != file:
            raise _changed(self._system, file)

    def close(self) -> None:
        pass

    def _seen(self, name: str) -> Found | None:
        """Return the file of exactly this name; None where it was moved away, or is none."""
        with suppress(FileNotFoundError, NotADirectoryError):
            seen = (self._folder / name).stat()
            if S_ISREG(seen.st_mode):
                return Found(name=name, size=seen.st_size, modified=seen.st_mtime_ns)
        return None


class Sftp:
    """A folder on an SFTP server; files are copied here for the time they are read."""

    def __init__(self, system: str, settings: SftpSettings, folder: Path) -> None:
        self._system = system
        self._settings = settings
        self._folder = PurePosixPath(folder.as_posix())
        self.address = f"sftp://{settings.host}:{settings.port}/{self._folder}"

    def look(self, pattern: str) -> list[Found]:
        with self._session() as sftp:
            return self._listed(sftp, pattern)

    @contextmanager
    def fetched(self, files: Sequence[Found]) -> Iterator[Sequence[Path]]:
        with tempfile.TemporaryDirectory(prefix="syncd-") as folder:
            paths = []
            with self._session() as sftp:
                for number, one in enumerate(files):
                    path = Path(folder) / f"{number}{PurePosixPath(one.name).suffix}"
                    sftp.get(str(self._folder / one.name), str(path))
                    if _found(one.name, sftp.stat(str(self._folder / one.name))) != one:
                        raise _changed(self._system, one)
                    paths.append(path)
            yield paths

    def still(self, file: Found) -> None:
        """A copy stays as it is; that it was whole was seen when it was made."""

    def close(self) -> None:
        pass

    def _listed(self, sftp: Any, pattern: str) -> list[Found]:
        *above, last = PurePosixPath(pattern).parts
        found = []
        with suppress(FileNotFoundError):
            for one in sftp.listdir_attr(str(self._folder.joinpath(*above))):
                if (fnmatchcase(one.filename, last) or one.filename == last) and S_ISREG(one.st_mode or 0):
                    found.append(_found("/".join((*above, one.filename)), one))
        return found

    @contextmanager
    def _session(self) -> Iterator[Any]:
        try:
            import paramiko
        except ImportError as error:
            raise ConfigProblem(
                f'{self._system}: what speaks SFTP is not installed; pip install "syncd[sftp]"', system=self._system
            ) from error
        one, client = self._settings, paramiko.SSHClient()
        client.set_missing_host_key_policy(paramiko.RejectPolicy())
        with closing(client):
            try:
                client.load_host_keys(str(one.known_hosts.expanduser()))
                client.connect(
                    one.host,
                    one.port,
                    one.user,
                    password=one.password.get_secret_value() if one.password else None,
                    key_filename=str(one.key_file) if one.key_file else None,
                    passphrase=one.key_passphrase.get_secret_value() if one.key_passphrase else None,
                    timeout=_TIMEOUT,
                    banner_timeout=_TIMEOUT,
                    auth_timeout=_TIMEOUT,
                    allow_agent=False,
                    look_for_keys=False,
                )
                with closing(client.open_sftp()) as sftp:
                    if channel := sftp.get_channel():
                        channel.settimeout(_TIMEOUT)
                    yield sftp
            except (paramiko.SSHException, OSError, EOFError) as error:
                raise self._trouble(error) from error

    def _trouble(self, error: Exception) -> ConnectorError:
        import paramiko

        one = self._settings
        if isinstance(error, paramiko.BadHostKeyException):
            return ConfigProblem(
                f"{self._system}: {one.host} shows another key than {one.known_hosts} has of it; nothing was sent. Ask "
                f"those who run it whether its key was changed, and put the new one there",
                system=self._system,
            )
        if isinstance(error, paramiko.AuthenticationException):
            return AuthExpired(
                f"{self._system}: {one.host} refused the user, password or key; correct them", system=self._system
            )
        if isinstance(error, paramiko.SSHException) and "known_hosts" in str(error):
            return ConfigProblem(
                f"{self._system}: the key of {one.host} does not stand in {one.known_hosts}; nothing was sent. Put it "
                f"there (ssh-keyscan prints it; compare it with what those who run it say)",
                system=self._system,
            )
        if isinstance(error, FileNotFoundError) and error.filename == str(one.known_hosts.expanduser()):
            return ConfigProblem(
                f"{self._system}: there is no file {one.known_hosts}; it must hold the key of {one.host}",
                system=self._system,
            )
        return Unavailable(
            f"{self._system}: {self.address} does not answer ({type(error).__name__}); it is tried again. If it stays "
            f"so, check host, port, folder and permissions",
            system=self._system,
        )


# ---------------------------------------------------------------------------------------------------------------------


def _is_pattern(name: str) -> bool:
    return any(sign in name for sign in "*?[")


def _found(name: str, seen: Any) -> Found:
    return Found(name=name, size=seen.st_size or 0, modified=(seen.st_mtime or 0) * 10**9)


def _changed(system: str, file: Found) -> Unavailable:
    return Unavailable(f"{system}: {file.name} changed while it was read; it is tried again", system=system)
