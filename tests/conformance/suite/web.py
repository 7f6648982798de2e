"""The web server that targets with ``needs/httptester`` ask for: ansible-test runs a container of nginx and httpbin, which is not had here.

``web.py FOLDER``: makes a certificate authority and certificates in FOLDER (``openssl``), serves ports 80 and 443 of the sandbox's own
network until it is killed, and prints a line when it is ready. What is answered: the addresses of https://httpbin.org that the targets
use, and those of https://github.com/ansible/http-test-container (``/cacert.pem``, ``/ssl_client_verify``). Standard library only.
"""

from __future__ import annotations

import base64
import gzip
import json
import re
import ssl
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

NAME = "ansible.http.tests"
SNI = f"sni1.{NAME}"
HOSTS = (NAME, SNI, f"fail.{NAME}", f"self-signed.{NAME}")
"""Names that must lead to this machine. ``fail`` has no certificate of its own: it shows the one of NAME."""
FILES = {"/cacert.pem": "ca.pem", "/client.pem": f"client.{NAME}.pem", "/client.key": f"client.{NAME}.key"}


def certificates(folder: Path) -> None:
    """``ca.pem`` and, signed by it, NAME.pem, SNI.pem and client.NAME.pem, each with its .key."""

    def openssl(*words: str) -> None:
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)

    new = ("req", "-newkey", "rsa:2048", "-nodes", "-days", "30")
    openssl(
        *new,
        "-x509",
        "-subj",
        "/CN=conformance",
        "-addext",
        "keyUsage=critical,keyCertSign",
        "-keyout",
        "ca.key",
        "-out",
        "ca.pem",
    )
    for name in (NAME, SNI, f"client.{NAME}"):
        openssl(*new, "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        (folder / "names").write_text(f"subjectAltName=DNS:{name}\n", encoding="ascii")
        sign = (
            "x509",
            "-req",
            "-days",
            "30",
            "-CA",
            "ca.pem",
            "-CAkey",
            "ca.key",
            "-CAcreateserial",
            "-extfile",
            "names",
        )
        openssl(*sign, "-in", f"{name}.csr", "-out", f"{name}.pem")


class Handler(BaseHTTPRequestHandler):
    """One request; ``folder`` is where the certificates are."""

    folder: Path
    protocol_version = "HTTP/1.1"
    timeout = 60

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: object) -> None:
        """Targets say themselves what they got."""

    def _answer(self) -> None:
        url = urlsplit(self.path)
        self.query = {name: values[-1] for name, values in parse_qs(url.query).items()}
        if self.headers.get("Host", "").partition(":")[0] == SNI:
            return self._send(200, SNI)
        if url.path in FILES:
            return self._send(200, (self.folder / FILES[url.path]).read_text(encoding="ascii"))
        for pattern, answer in PATHS:
            if match := re.fullmatch(pattern, url.path):
                return answer(self, *match.groups())
        return self._send(404, "Not Found")

    def _send(self, code: int, body: str | bytes, **headers: str) -> None:
        data = body.encode() if isinstance(body, str) else body
        self.send_response(code)
        for name, value in {"Content-Type": "text/html", **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", "0" if code == 304 else str(len(data)))
        self.end_headers()
        if self.command != "HEAD" and code != 304:
            self.wfile.write(data)

    def _json(self, value: object, **headers: str) -> None:
        self._send(200, json.dumps(value), Content_Type="application/json", **headers)

    def request(self) -> None:
        self._json({"args": self.query, "headers": dict(self.headers.items()), "url": f"https://{NAME}{self.path}"})

    def page(self) -> None:
        self._send(200, "<!DOCTYPE html><title>httpbin.org</title>")

    def status(self, code: str) -> None:
        self._send(int(code), "")

    def text(self, coded: str) -> None:
        self._send(200, base64.b64decode(coded))

    def cache(self) -> None:
        if "If-Modified-Since" in self.headers or "If-None-Match" in self.headers:
            return self._send(304, "")
        return self.request()

    def redirect(self, times: str) -> None:
        left = int(times) - 1
        self._send(302, "", Location=f"/relative-redirect/{left}" if left else "/get")

    def redirect_to(self) -> None:
        self._send(int(self.query.get("status_code", "302")), "", Location=self.query["url"])

    def basic_auth(self, user: str, password: str) -> None:
        wanted = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        if self.headers.get("Authorization") != wanted:
            return self._send(401, "", WWW_Authenticate='Basic realm="Fake Realm"')
        return self._json({"authenticated": True, "user": user})

    def bearer(self) -> None:
        kind, _, token = self.headers.get("Authorization", "").partition(" ")
        if kind != "Bearer":
            return self._send(401, "", WWW_Authenticate="Bearer")
        return self._json({"authenticated": True, "token": token})

    def zipped(self) -> None:
        body = json.dumps({"gzipped": True, "method": self.command}).encode()
        self._send(200, gzip.compress(body), Content_Type="application/json", Content_Encoding="gzip")

    def response_headers(self) -> None:
        self._json(self.query, **self.query)

    def client_certificate(self) -> None:
        shown = isinstance(self.connection, ssl.SSLSocket) and self.connection.getpeercert()
        self._send(200, f"{NAME}:{'SUCCESS' if shown else 'NONE'}")


PATHS = (
    ("/?", Handler.page),
    ("/(?:get|headers)", Handler.request),
    (r"/status/(\d+)", Handler.status),
    ("/base64/(.+)", Handler.text),
    ("/cache", Handler.cache),
    (r"/(?:relative-)?redirect/(\d+)", Handler.redirect),
    ("/redirect-to", Handler.redirect_to),
    ("/basic-auth/([^/]+)/([^/]+)", Handler.basic_auth),
    ("/bearer", Handler.bearer),
    ("/gzip", Handler.zipped),
    ("/response-headers", Handler.response_headers),
    ("/ssl_client_verify", Handler.client_certificate),
)
"""Path -> what answers it with the groups of the pattern."""


def tls(folder: Path) -> ssl.SSLContext:
    """Shows the certificate of the name that is asked for, and checks a client's if it has one."""

    def context(name: str) -> ssl.SSLContext:
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.load_cert_chain(folder / f"{name}.pem", folder / f"{name}.key")
        made.load_verify_locations(folder / "ca.pem")
        made.verify_mode = ssl.CERT_OPTIONAL
        return made

    main, other = context(NAME), context(SNI)

    def choose(connection: ssl.SSLObject, name: str | None, _given: ssl.SSLContext) -> None:
        if name == SNI:
            connection.context = other

    main.sni_callback = choose
    return main


def main() -> None:
    """See the module."""
    Handler.folder = folder = Path(sys.argv[1])
    folder.mkdir(parents=True)
    certificates(folder)
    plain, secure = ThreadingHTTPServer(("127.0.0.1", 80), Handler), ThreadingHTTPServer(("127.0.0.1", 443), Handler)
    secure.socket = tls(folder).wrap_socket(secure.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=plain.serve_forever, daemon=True).start()
    print("ready", flush=True)
    secure.serve_forever()


if __name__ == "__main__":
    main()
