"""TLS reports over HTTPS, as abusers send them: to the port where policies are served, byte by byte (RPT-01, RPT-02, RPT-08, STS-27,
WEB-05, WEB-06)."""
import datetime
import gzip
import io
import json
import os
import re
import socket
import ssl
import subprocess
import zipfile
import zlib

import pytest
from harness.waiting import until

OURS, REPORTS = "up.sec.example", "reports.up.sec.example"
MIB = 1024 * 1024
PLACES, OF_ONE_ADDRESS = 100, 20  # bodies under way; connections of one address


@pytest.fixture(scope="module")
def small_disk(world, tmp_path_factory):
    if world.mount_fault:
        pytest.skip(world.mount_fault)
    disk = tmp_path_factory.mktemp("disk")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=160m", "tmpfs", str(disk)], check=True)
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.fixture(scope="module")
def receiver(internet, authority, standing_gateway, small_disk):
    ours = internet.address(95)
    internet.add(f"{OURS}. MX 10 mx.{OURS}.", f"mx.{OURS}. A {ours}", f"{REPORTS}. A {ours}")
    internet.start()
    daemon = standing_gateway(
        address=ours, certificate=authority.issue(f"mx.{OURS}", REPORTS), listeners={}, resolver=internet.resolver(),
        top={"hostname": f"mx.{OURS}", "store": f"sqlite:{small_disk}/sternpost.db"}, limits={"min-free-space": "8MiB"},
        sections={"policy-host": {"address": [f"{ours}:443"]}})
    daemon.set_up("domain", OURS, report_to=f"https://{REPORTS}/tlsrpt")
    return daemon


def report(number=0, domain=OURS, more=""):
    day = datetime.datetime.utcnow() - datetime.timedelta(days=1)
    text = json.dumps({
        "organization-name": "Stranger", "contact-info": "x@stranger.example", "report-id": f"up-{number}",
        "date-range": {"start-datetime": f"{day:%Y-%m-%d}T00:00:00Z", "end-datetime": f"{day:%Y-%m-%d}T23:59:59Z"},
        "policies": [{"policy": {"policy-type": "sts", "policy-domain": domain},
                      "summary": {"total-successful-session-count": 1, "total-failure-session-count": 0}}]})
    return (text[:-1] + more + "}").encode()


class Client:
    """A connection whose bytes are ours; from one of many addresses."""

    def __init__(self, receiver, authority, source=None, alpn=None):
        context = ssl.create_default_context(cafile=authority.bundle)
        if alpn:
            context.set_alpn_protocols(alpn)
        plain = socket.create_connection((receiver.address, 443), 20, (source, 0) if source else None)
        self.socket = context.wrap_socket(plain, server_hostname=REPORTS)

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        self.socket.close()

    def send(self, data):
        try:
            self.socket.sendall(data)
        except OSError:
            pass  # answered before all of it was sent

    def answer(self):
        """Status and head of the next answer; "" when the connection is over."""
        head = b""
        while b"\r\n\r\n" not in head:
            try:
                got = self.socket.recv(1)
            except OSError:
                got = b""
            if not got:
                break
            head += got
        length = int((re.search(rb"Content-Length: (\d+)", head) or [0, 0])[1])
        while length > 0:
            length -= len(self.socket.recv(length)) or length
        return head.decode()

    def is_closed(self):
        try:
            return self.socket.recv(1) == b""
        except ssl.SSLError:
            return True
        except ConnectionResetError:
            return True


def post(*fields, body=b"", length=None, host=REPORTS, method="POST", path="/tlsrpt", version="HTTP/1.1"):
    head = [f"{method} {path} {version}", f"Host: {host}", "Content-Type: application/tlsrpt+gzip", *fields]
    if length != "":
        head.append(f"Content-Length: {len(body) if length is None else length}")
    return ("\r\n".join(head) + "\r\n\r\n").encode() + body


GOOD = gzip.compress(report())
BOMB = gzip.compress(bytes(17 << 20), 9)


def zipped(text):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.json", text)
    return out.getvalue()


def raw_gzip(text, crc=None, size=None, name=b""):
    """A member with what its trailer says of our choosing."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    data = packer.compress(text) + packer.flush()
    trailer = (zlib.crc32(text) if crc is None else crc).to_bytes(4, "little") + (len(text) if size is None else size).to_bytes(4, "little")
    return b"\x1f\x8b\x08" + (b"\x08" if name else b"\0") + b"\0\0\0\0\0\x03" + (name + b"\0" if name else b"") + data + trailer


# Name: (bytes, codes of the answers). Whatever is answered with an error closes the connection.
ABUSE = {
    "RPT-08: no length": (post(length=""), [411]),
    "RPT-08: chunks": (post("Transfer-Encoding: chunked", length="") + b"5\r\nhello\r\n0\r\n\r\n", [411]),
    "RPT-08: chunks, the first without end": (post("Transfer-Encoding: chunked", length="") + b"1" * 100, [411]),
    "RPT-08, WEB-05: a length and chunks": (post("Transfer-Encoding: chunked", body=GOOD), [400]),
    "RPT-08, WEB-05: chunks and a length, the other way round": (post("Transfer-Encoding: identity, chunked", length=5) + b"0\r\n\r\n", [400]),
    "RPT-08: two bodies": (post(body=GOOD) + b"and more\r\n\r\n", [200, 400]),
    "RPT-08: two requests at once": (post(body=GOOD) + post(body=GOOD), [200, 200]),
    "RPT-08: a wrong type": (post(body=GOOD).replace(b"tlsrpt+gzip", b"x-sh"), [415]),
    "RPT-08: no type": (post(body=GOOD).replace(b"Content-Type: application/tlsrpt+gzip\r\n", b""), [415]),
    "RPT-08: an encoding that is none of ours": (post("Content-Encoding: br", body=GOOD), [415]),
    "RPT-08: 100 MB": (post(length=100 * MIB) + bytes(100000), [413]),
    "RPT-08: one byte too long": (post(length=MIB + 1), [413]),
    "RPT-08: asks first, and is too long": (post("Expect: 100-continue", length=100 * MIB), [413]),
    "RPT-08: expects something else": (post("Expect: a-miracle", body=GOOD), [400]),
    "RPT-08: PUT": (post(method="PUT", body=GOOD), [501]),
    "RPT-08: PATCH": (post(method="PATCH", body=GOOD), [405]),
    "RPT-08: DELETE": (post(method="DELETE", length=0), [405]),
    "RPT-08: OPTIONS, as a browser asks for CORS": (post("Origin: https://evil.example", method="OPTIONS", length=0), [501]),
    "RPT-08: an empty body": (post(length=0), [400]),
    "WEB-05: two lengths": (post("Content-Length: 3", body=GOOD), [400]),
    "WEB-05: a list of lengths": (post(length="3, 3") + b"abc", [400]),
    "WEB-05: a length with a sign": (post(length="+3") + b"abc", [400]),
    "WEB-05: a length in hex": (post(length="0x3") + b"abc", [400]),
    "WEB-05: a length beyond 64 bits": (post(length="18446744073709551617"), [400]),
    "WEB-05: a blank before the colon": (post("X-A : b", body=GOOD), [400]),
    "WEB-05: a folded field": (post("X-A: b\r\n c", body=GOOD), [400]),
    "WEB-05: a bare LF": (post(body=GOOD).replace(b"\r\nHost", b"\nHost"), [400]),
    "WEB-05: a bare CR": (post("X-A: b\rX-B: c", body=GOOD), [400]),
    "WEB-05: NUL in a field": (post("X-A: b\0c", body=GOOD), [400]),
    "WEB-05: 100 headers of 8 KiB": (post(*[f"X-{n}: {'x' * 8180}" for n in range(100)], body=GOOD), [431]),
    "WEB-05: 100 small headers": (post(*[f"X-{n}: x" for n in range(100)], body=GOOD), [431]),
    "WEB-05: a huge method": (post(method="A" * 20000), [431]),
    "WEB-05: two hosts": (post("Host: " + REPORTS, body=GOOD), [400]),
    "WEB-06: HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", [400]),
    "STS-27: an absolute target": (post(path=f"https://{REPORTS}/tlsrpt", body=GOOD), [400]),
    "STS-27: dot segments": (post(path="/x/../tlsrpt", body=GOOD), [404]),
    "STS-27: percent-encoding": (post(path="/%74lsrpt", body=GOOD), [404]),
    "STS-27: a query": (post(path="/tlsrpt?a=b", body=GOOD), [404]),
    "STS-27: HTTP/1.0": (post(version="HTTP/1.0", body=GOOD), [200]),
    "STS-27: another host": (post(host="mta-sts." + OURS, body=GOOD), [421]),
    "RPT-01: a bomb": (post(body=BOMB), [400]),
    "RPT-01: a bomb within gzip": (post(body=gzip.compress(BOMB)), [400]),
    "RPT-01: a bomb in a zip file": (post(body=zipped(bytes(17 << 20))), [400]),
    "RPT-01: two members": (post(body=GOOD + GOOD), [400]),
    "RPT-01: something behind it": (post(body=GOOD + b"x"), [400]),
    "RPT-01: cut short": (post(body=GOOD[:-5]), [400]),
    "RPT-01: a wrong CRC": (post(body=raw_gzip(report(), crc=1)), [400]),
    "RPT-01: a wrong length": (post(body=raw_gzip(report(), size=1)), [400]),
    "RPT-01: a huge name": (post(body=raw_gzip(report(), name=b"n" * 900000)), [200]),
    "RPT-02: deep": (post(body=b"[" * 100000), [400]),
    "RPT-02: many values": (post(body=gzip.compress(report(more=', "a": [' + "0," * 200000 + "0]"))), [400]),
    "RPT-02: a key twice": (post(body=report(more=', "policies": []')), [400]),
    "RPT-02: a number beyond 64 bits": (post(body=report(more=', "a": 99999999999999999999')), [400]),
    "RPT-02: NaN": (post(body=report(more=', "a": NaN')), [400]),
    "RPT-02: half a surrogate": (post(body=report(more=', "a": "\\udc00"')), [400]),
    "RPT-02: NUL": (post(body=report(more=', "a": "\\u0000"')), [400]),
    "RPT-02: no UTF-8": (post(body=report(more=', "a": "?"').replace(b"?", b"\xff")), [400]),
    "RPT-02: a comment": (post(body=report(more=' /* */')), [400]),
    "RPT-02: a byte order mark": (post(body=b"\xef\xbb\xbf" + report()), [200]),
}


@pytest.mark.parametrize("name", ABUSE)
def test_abuse(receiver, authority, name):
    data, codes = ABUSE[name]
    with Client(receiver, authority) as client:
        client.send(data)
        for code in codes:
            head = client.answer()
            assert head.startswith(f"HTTP/1.1 {code} "), head
            assert not re.search(r"(?im)^(set-cookie|access-control|location)", head), head
            assert ("Allow: POST\r\n" in head) == (code == 405), head
            if code in (429, 503, 507):
                assert "Retry-After: " in head
        if codes[-1] >= 400:
            assert "Connection: close\r\n" in head and client.is_closed()


def test_asks_first(receiver, authority):
    """RPT-08: Expect is answered before the body is sent."""
    with Client(receiver, authority) as client:
        client.send(post("Expect: 100-continue", length=len(GOOD)))
        assert client.answer() == "HTTP/1.1 100 Continue\r\n\r\n"
        client.send(GOOD)
        assert client.answer().startswith("HTTP/1.1 200 ")


def test_another_protocol(receiver, authority):
    """TLS-14: who offers protocols and not ours is refused in the handshake."""
    with pytest.raises(ssl.SSLError):
        Client(receiver, authority, alpn=["h2"])
    with Client(receiver, authority, alpn=["h2", "http/1.1"]) as client:
        assert client.socket.selected_alpn_protocol() == "http/1.1"


def memory_kib(receiver):
    with open(f"/proc/{receiver.process.child.pid}/status", encoding="ascii") as status:
        return int(re.search(r"VmRSS:\s+(\d+)", status.read())[1])


def is_sanitized(receiver):
    """Then memory that was freed is kept, and says nothing."""
    with open(f"/proc/{receiver.process.child.pid}/maps", encoding="ascii") as maps:
        return "libasan" in maps.read()


def taken(folder, free_before):
    """Bytes of the disk that are in use since then."""
    return (free_before - os.statvfs(folder).f_bfree) * os.statvfs(folder).f_bsize


def names_in(folder):
    return sorted(name for name in os.listdir(folder) if not name.startswith("sternpost.db"))


def test_many_at_once(receiver, authority, standing_subnet, small_disk):
    """RPT-08: a hundred bodies of the largest size under way lie in files without names; the next is asked to come again, and those
    that do not wait for it are served meanwhile. When they leave, so does all they sent."""
    sources = [standing_subnet(20 + n) for n in range(PLACES // OF_ONE_ADDRESS)]
    free, clients = os.statvfs(small_disk).f_bfree, []
    try:
        for source in sources:
            for _ in range(OF_ONE_ADDRESS):
                clients.append(Client(receiver, authority, source))
                clients[-1].send(post(length=MIB) + b"x")
        before = memory_kib(receiver)
        for client in clients:
            client.send(bytes(MIB - 2))
        with Client(receiver, authority, standing_subnet(19)) as late:
            late.send(post(body=GOOD))
            head = late.answer()
            assert head.startswith("HTTP/1.1 503 ") and "Retry-After: " in head, head
        until(lambda: taken(small_disk, free) > 0.9 * PLACES * MIB, 20, "the bodies to arrive")
        assert names_in(small_disk) == []
        assert is_sanitized(receiver) or memory_kib(receiver) - before < 16 * 1024
        with Client(receiver, authority, sources[0]) as surplus:
            surplus.send(post(body=GOOD))
            head = surplus.answer()
            assert head.startswith("HTTP/1.1 429 ") and "Retry-After: " in head, head
    finally:
        for client in clients:
            client.socket.close()
    until(lambda: taken(small_disk, free) < 8 * MIB, 20, "the bodies to be gone")
    with Client(receiver, authority) as client:
        client.send(post(body=GOOD))
        assert client.answer().startswith("HTTP/1.1 200 ")


def test_slow_bodies_hold_up_nobody(receiver, authority):
    """RPT-08: 1 B/s. That such a body is ended is a matter of the server's own tests, where time is short."""
    slow = [Client(receiver, authority) for _ in range(10)]
    for client in slow:
        client.send(post(length=len(GOOD)) + GOOD[:1])
    with Client(receiver, authority) as client:
        client.send(post(body=gzip.compress(report(7))))
        assert client.answer().startswith("HTTP/1.1 200 ")
    for client in slow:
        client.send(GOOD[1:2])
        client.socket.close()


def test_full_disk(receiver, authority, small_disk):
    """507 before the body is taken, and all is well when there is room again."""
    free = os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_bsize
    with (small_disk / "ballast").open("wb") as ballast:
        for _ in range((free - 4 * MIB) // 4096):
            ballast.write(bytes(4096))

    def code(number):
        with Client(receiver, authority) as client:
            body = gzip.compress(report(number))
            client.send(post(body=body))
            head = client.answer()
            assert ("Retry-After: " in head) == (" 507 " in head), head
            return head.split()[1]

    until(lambda: code(8) == "507", 20, "507")
    (small_disk / "ballast").unlink()
    until(lambda: code(9) == "200", 30, "a report taken again")
