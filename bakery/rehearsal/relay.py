"""Joins its standard input and output to a TCP port of 127.0.0.1; QEMU starts one for each connection of a guest.

It is run as a file (`python -I -S relay.py PORT`) and imports nothing of ours, so that it starts in milliseconds.
"""

import os
import socket
import sys
import threading

SIZE = 65536


def send(peer: socket.socket) -> None:
    """Pass on what the guest says until it says no more."""
    while data := os.read(sys.stdin.fileno(), SIZE):
        peer.sendall(data)
    peer.shutdown(socket.SHUT_WR)


def main() -> None:
    """Pass on what the service says until it hangs up."""
    with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as peer:
        threading.Thread(target=send, args=(peer,), daemon=True).start()
        while data := peer.recv(SIZE):
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
