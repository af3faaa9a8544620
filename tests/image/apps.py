"""A tiny app out of the machine's own files: its nginx in a container, so that nothing has to be fetched."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.image.copy import Copy

IMAGE = "bakery-app:1"
PORT = 5000
# The app tells the address it has inside its network, so that a caller sees which container answered.
MAKE_IMAGE = f"""
folder=$(mktemp -d)
mkdir -p $folder/var/lib/nginx $folder/var/log/nginx $folder/tmp
cat >$folder/app.conf <<'END'
daemon off;
user root;
pid /tmp/nginx.pid;
error_log /dev/null;
events {{}}
http {{ access_log off; server {{ listen {PORT}; location / {{ return 200 "app at $server_addr\\n"; }} }} }}
END
nginx=$(readlink -f "$(command -v nginx)")
libraries=$(ldd $nginx | grep -o '/lib[^ ]*' | sed 's,^/,,')
tar -ch -C / ${{nginx#/}} etc/passwd etc/group $libraries -C $folder . |
  docker import --change "CMD [\\"$nginx\\", \\"-c\\", \\"/app.conf\\"]" --change 'EXPOSE {PORT}' - {IMAGE} >/dev/null
rm -r $folder
"""


def make_image(copy: Copy) -> None:
    """Make the app's image on the machine."""
    copy.run(f"set -e\n{MAKE_IMAGE}")


@contextmanager
def deployed(copy: Copy, *, name: str) -> Iterator[str]:
    """Deploy the app with dokku as NAME at NAME.test while the body runs; give its container's id."""
    make_image(copy)
    copy.run(
        f"""
        set -e
        dokku apps:create {name} >/dev/null
        dokku domains:set {name} {name}.test >/dev/null
        dokku checks:disable {name} >/dev/null
        dokku git:from-image {name} {IMAGE} >/dev/null
        dokku ports:set {name} http:80:{PORT} >/dev/null
        """
    )
    yield container_of(copy, name)
    # A restore that a test has set off (Docker's start does) would find its app destroyed under its hands.
    ended = "timeout 300 bash -c 'while systemctl is-active --quiet dokku-redeploy; do sleep 1; done'"
    copy.run(f"{ended}; dokku apps:destroy {name} --force >/dev/null; docker rmi {IMAGE} >/dev/null 2>&1; true")


def container_of(copy: Copy, name: str) -> str:
    """Return the id of an app's running container."""
    return copy.run(f"docker ps --quiet --no-trunc --filter label=com.dokku.app-name={name}").strip()


def ask(name: str, *, port: int = 80, options: str = "") -> str:
    """Return the shell command that asks an app by its name through the machine's nginx, for a minute at most."""
    scheme = "https" if port == 443 else "http"
    patience = "--max-time 20 --retry 20 --retry-delay 2 --retry-max-time 60 --retry-all-errors"
    there = f"--resolve {name}.test:{port}:127.0.0.1"
    return f"curl --silent --show-error --fail {patience} {there} {options} {scheme}://{name}.test/"


def certificate(name: str, *, days: int, folder: str) -> str:
    """Return the shell command that makes server.crt and server.key for NAME.test in a folder of the machine."""
    key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout server.key"
    names = f"-subj /CN={name}.test -addext subjectAltName=DNS:{name}.test"
    # Not in one go: `req -x509` makes none that has ended.
    request = f"openssl req {key} {names} -out server.csr 2>/dev/null"
    sign = f"openssl x509 -req -in server.csr -copy_extensions copy -key server.key -days {days} -out server.crt"
    return f"mkdir -p {folder} && (cd {folder} && {request} && {sign} 2>/dev/null)"


def poll(*names: str, pause_s: float = 0.2) -> str:
    """Return a shell loop that asks apps again and again and prints name and code, until /run/enough is.

    It asks by bash alone: under emulation a curl each second would be a fifth of what the machine does.
    """
    asks = "; ".join(f"echo {name} $(code_of {name}.test)" for name in names)
    return f"""
code_of() (
    trap '' PIPE
    {{
        printf 'GET / HTTP/1.1\\r\\nHost: %s\\r\\nConnection: close\\r\\n\\r\\n' "$1" >&3
        read -rt 10 _ code _ <&3
    }} 2>/dev/null 3<>/dev/tcp/127.0.0.1/80
    echo "${{code:-000}}"
)
while [ ! -e /run/enough ]; do {asks}; sleep {pause_s}; done"""
