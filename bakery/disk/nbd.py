"""Reads a disk from an NBD server on a unix socket: the few messages of the protocol that reading takes.

https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md: the newstyle negotiation with
NBD_OPT_EXPORT_NAME for the server's one nameless export, NBD_CMD_READ with simple replies, NBD_CMD_DISC.
"""

import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

NBDMAGIC, IHAVEOPT = 0x4E42444D41474943, 0x49484156454F5054
REQUEST_MAGIC, REPLY_MAGIC = 0x25609513, 0x67446698
FIXED_NEWSTYLE_NO_ZEROES = 0b11
OPT_EXPORT_NAME = 1
CMD_READ, CMD_DISC = 0, 2

GREETING = struct.Struct(">QQH")
OPTION = struct.Struct(">IQII")
"""The client's flags, and behind them its only option, which has no data: the export's name is empty."""
EXPORT = struct.Struct(">QH")
REQUEST = struct.Struct(">IHHQQI")
REPLY = struct.Struct(">IIQ")


class Connection:
    """One connection, for one thread at a time."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line
        self._handle = 0
        magic, version, flags = GREETING.unpack(self._exactly(GREETING.size))
        if (magic, version) != (NBDMAGIC, IHAVEOPT) or flags & FIXED_NEWSTYLE_NO_ZEROES != FIXED_NEWSTYLE_NO_ZEROES:
            raise ConnectionError("the server does not speak NBD's fixed newstyle")
        self._line.sendall(OPTION.pack(FIXED_NEWSTYLE_NO_ZEROES, IHAVEOPT, OPT_EXPORT_NAME, 0))
        self.size: int = EXPORT.unpack(self._exactly(EXPORT.size))[0]
        """The disk's size in bytes."""

    def read(self, offset: int, length: int) -> bytes:
        """Return *length* bytes (at most 32 MiB) from byte *offset* on.

        Raises OSError with the server's error number (the protocol sends Linux's) for what it cannot read, and
        ConnectionError when it went away or answers to something else.
        """
        self._request(CMD_READ, offset=offset, length=length)
        magic, error, handle = REPLY.unpack(self._exactly(REPLY.size))
        if (magic, handle) != (REPLY_MAGIC, self._handle):
            raise ConnectionError("the server answers to something else")
        if error:
            raise OSError(error, os.strerror(error))
        return self._exactly(length)

    def disconnect(self) -> None:
        """Tell the server that this was all; it sends no answer."""
        self._request(CMD_DISC, offset=0, length=0)

    def _request(self, command: int, *, offset: int, length: int) -> None:
        # Each has a number of its own: a reply that an interrupt left unread must not pass for that of the next one.
        self._handle += 1
        self._line.sendall(REQUEST.pack(REQUEST_MAGIC, 0, command, self._handle, offset, length))

    def _exactly(self, length: int) -> bytes:
        data = b""
        # The kernel waits for all of it, yet a signal may cut that short.
        while len(data) < length:
            more = self._line.recv(length - len(data), socket.MSG_WAITALL)
            if not more:
                raise ConnectionError("the server closed the connection")
            data = data + more if data else more
        return data


@contextmanager
def connected(path: Path) -> Iterator[Connection]:
    """Give the body a connection to the server that listens on the unix socket *path*; end it cleanly afterwards.

    Raises OSError when nobody listens there, ConnectionError when it is no NBD server.
    """
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(str(path))
        connection = Connection(line)
        try:
            yield connection
        finally:
            with suppress(ConnectionError):
                connection.disconnect()
