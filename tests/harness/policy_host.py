"""An HTTPS server for policy files, with a site for each name, well-behaved or not, chosen by SNI."""
import datetime
import socket
import ssl
import threading
from dataclasses import dataclass

DAY = datetime.timedelta(days=1)
CERTIFICATES = {
    "good": {},
    "expired": {"first": -9 * DAY, "last": -DAY},
    "not yet valid": {"first": DAY},
    "self-signed": {"is_self_signed": True},
    "wrong name": {},
    "common name only": {"has_alternative": False},
    "untrusted": {},
}


def policy(mode="enforce", mx=(), max_age=86400, end="\r\n"):
    lines = ["version: STSv1", f"mode: {mode}", *(f"mx: {name}" for name in mx), f"max_age: {max_age}"]
    return "".join(line + end for line in lines)


@dataclass
class Site:
    """What a host answers. `pace`: seconds between bytes of the body; `silent`: nothing comes after the request."""
    body: bytes
    status: str = "200 OK"
    headers: tuple = (("Content-Type", "text/plain"),)
    certificate: str = "good"
    pace: float = 0.0
    silent: bool = False
    has_length: bool = True


class PolicyHost:
    """`sites` maps a host name to a Site. A name that has none gets a failed handshake. `requests` counts by host."""

    def __init__(self, authority, other_authority=None):
        self.authority, self.other_authority = authority, other_authority
        self.sites, self.requests, self.contexts, self.listeners, self.threads = {}, {}, {}, [], []
        self.lock = threading.Lock()
        self.ending = threading.Event()

    def start(self, addresses, port=443, version=None):
        """`version` pins an old one of TLS."""
        self.ending.clear()
        self.front = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        own = self.authority.issue("policy-host.example")
        self.front.load_cert_chain(own.chain, own.key)
        if version:
            self.front.set_ciphers("DEFAULT:@SECLEVEL=0")
            self.front.minimum_version = self.front.maximum_version = version
        self.front.sni_callback = self._choose
        for address in addresses:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            listener = socket.create_server((address, port), family=family, backlog=128)
            self.listeners.append(listener)
            self.threads.append(threading.Thread(target=self._accept, args=(listener,), daemon=True))
            self.threads[-1].start()
        return self

    def stop(self):
        self.ending.set()
        for listener in self.listeners:
            try:
                listener.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            listener.close()
        for thread in self.threads:
            thread.join(5)
        self.listeners, self.threads = [], []

    def hang_up(self):
        """Ends every answer that is slow or silent."""
        self.ending.set()
        self.ending = threading.Event()

    def publish(self, host, text, **options):
        self.sites[host] = Site(text.encode() if isinstance(text, str) else text, **options)
        self.contexts.pop(host, None)

    def _choose(self, sock, name, _):
        site = self.sites.get(name)
        if site is None:
            return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        with self.lock:
            if name not in self.contexts:
                self.contexts[name] = self._context(name, site)
        sock.context = self.contexts[name]
        return None

    def _context(self, name, site):
        authority = self.other_authority if site.certificate == "untrusted" else self.authority
        shown = "elsewhere.example" if site.certificate == "wrong name" else name
        certificate = authority.issue(shown, **CERTIFICATES[site.certificate])
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate.chain, certificate.key)
        return context

    def _accept(self, listener):
        while not self.ending.is_set():
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, raw):
        raw.settimeout(20)
        try:
            with self.front.wrap_socket(raw, server_side=True) as sock:
                self._answer(sock)
        except OSError:
            raw.close()

    def _answer(self, sock):
        request = b""
        while b"\r\n\r\n" not in request:
            data = sock.recv(4096)
            if not data:
                return
            request += data
        lines = request.decode("latin-1").split("\r\n")
        host = next((line.split(":", 1)[1].strip() for line in lines if line.lower().startswith("host:")), "")
        with self.lock:
            self.requests[host] = self.requests.get(host, 0) + 1
        site = self.sites.get(host)
        if site is None or not lines[0].startswith("GET /.well-known/mta-sts.txt "):
            sock.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return
        self._send(sock, site)

    def _send(self, sock, site):
        if site.silent:
            self.ending.wait(20)
            return
        headers = [*site.headers, ("Connection", "close")]
        if site.has_length:
            headers.append(("Content-Length", str(len(site.body))))
        head = f"HTTP/1.1 {site.status}\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers) + "\r\n"
        sock.sendall(head.encode())
        if site.pace == 0:
            sock.sendall(site.body)
            return
        for at in range(len(site.body)):
            if self.ending.wait(site.pace):
                return
            sock.sendall(site.body[at:at + 1])
