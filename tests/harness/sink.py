"""A scripted SMTP server: the recipient's side of a delivery, well-behaved or not, that records what it got."""
import socket
import ssl
import struct
import threading
from dataclasses import dataclass, field

DEFAULT_EXTENSIONS = ("PIPELINING", "SIZE 10485760", "8BITMIME", "SMTPUTF8", "DSN", "ENHANCEDSTATUSCODES")


def _reset(session):
    session.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


BROKEN_HANDSHAKES = {
    True: lambda session: session.sock.sendall(b"\x15\x03\x01\x00\x02\x02\x28"),  # fatal alert: handshake failure
    "garbage": lambda session: session.sock.sendall(b"500 5.5.1 TLS? never heard of it\r\n" * 4),
    "reset": _reset,
    "silent": lambda session: session.sock.recv(65536),
}


def server_context(certificate, version=None, has_weak_key=False):
    """TLS for a sink; `version` pins an old one."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if version or has_weak_key:
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
    if version:
        context.minimum_version = context.maximum_version = version
    context.load_cert_chain(certificate.chain, certificate.key)
    return context


@dataclass
class Message:
    session: int
    hello: str
    tls: str                      # "" in clear, else the version
    sender: str
    sender_parameters: list
    recipients: list = field(default_factory=list)  # pairs of address and parameters
    wire: bytes = b""             # the data as it came, dots stuffed, end mark off

    @property
    def data(self):
        return b"\r\n".join(line[1:] if line.startswith(b".") else line for line in self.wire.split(b"\r\n"))


class Sink:
    """Listens at once; `with Sink(...)`. `replies` maps a verb, or "." for the end of data, "greeting" for the first
    line, to a reply or to a function of (session, argument) that returns one or None for the usual. `broken_handshake`:
    False, True for a fatal alert, or a word of BROKEN_HANDSHAKES. `tls_extensions` are offered within TLS only. `by_hand`: a
    function of a ClientHello that gives the bytes to answer with, in place of a handshake, or None. `keeps_clear`: what came in
    clear behind STARTTLS counts in TLS."""

    def __init__(self, address, port=2600, tls=None, implicit=False, extensions=DEFAULT_EXTENSIONS, replies=None,
                 broken_handshake=False, offers_starttls=None, delay=0.0, tls_extensions=(), by_hand=None, keeps_clear=False):
        self.address, self.port, self.tls, self.implicit = address, port, tls, implicit
        self.offers_starttls = (tls is not None or broken_handshake) and not implicit
        if offers_starttls is not None:
            self.offers_starttls = offers_starttls
        self.extensions, self.replies, self.broken_handshake = list(extensions), replies or {}, broken_handshake
        self.tls_extensions, self.delay, self.by_hand, self.keeps_clear = list(tls_extensions), delay, by_hand, keeps_clear
        self.messages, self.commands, self.handshake_faults, self.credentials = [], [], [], []
        self.sessions, self.sockets = 0, set()
        self.ending = threading.Event()
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.listener = socket.create_server((address, port), family=family, backlog=128)
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.ending.set()
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        self.thread.join(5)
        for sock in list(self.sockets):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def _accept(self):
        while not self.ending.is_set():
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            self.sessions += 1
            threading.Thread(target=_Session(self, sock, self.sessions).serve, daemon=True).start()


class _Session:
    def __init__(self, sink, sock, number):
        self.sink, self.sock, self.number = sink, sock, number
        self.buffer, self.tls, self.hello, self.message = b"", "", "", None
        self.sock.settimeout(60)

    def serve(self):
        raw = self.sock
        self.sink.sockets.add(raw)
        try:
            if self.sink.implicit:
                self._wrap()
            self._answer("greeting", "", "220 sink.example.test ESMTP")
            while self._command():
                pass
        except (OSError, EOFError) as e:
            if isinstance(e, ssl.SSLError):
                self.sink.handshake_faults.append(str(e))
        finally:
            self.sink.sockets.discard(raw)
            self.sock.close()

    def _wrap(self):
        if self.sink.broken_handshake:
            self.sock.recv(65536)  # the ClientHello; bytes before it would be another fault
            BROKEN_HANDSHAKES[self.sink.broken_handshake](self)
            raise EOFError
        by_hand = self.sink.by_hand and self.sink.by_hand(self.sock.recv(65536, socket.MSG_PEEK))
        if by_hand:
            self.sock.sendall(by_hand)
            raise EOFError
        if not self.sink.keeps_clear:
            self.buffer = b""
        self.sock = self.sink.tls.wrap_socket(self.sock, server_side=True)
        self.tls = self.sock.version()

    def _fill(self):
        data = self.sock.recv(65536)
        if not data:
            raise EOFError
        self.buffer += data

    def _line(self):
        while b"\r\n" not in self.buffer:
            self._fill()
        line, _, self.buffer = self.buffer.partition(b"\r\n")
        return line

    def _take(self, count):
        while len(self.buffer) < count:
            self._fill()
        taken, self.buffer = self.buffer[:count], self.buffer[count:]
        return taken

    def _content(self):
        """Up to the end mark, without it."""
        data, seen = bytearray(b"\r\n" + self.buffer), 0
        while (end := data.find(b"\r\n.\r\n", seen)) < 0:
            seen, self.buffer = max(0, len(data) - 4), b""
            self._fill()
            data += self.buffer
        self.buffer = bytes(data[end + 5:])
        return bytes(data[2:end + 2])

    def _answer(self, verb, argument, usual):
        """Sends the scripted reply, else the usual one; True when the usual one was sent or a 2xx/3xx scripted."""
        if self.sink.delay:
            self.sink.ending.wait(self.sink.delay)
        scripted = self.sink.replies.get(verb)
        if callable(scripted):
            scripted = scripted(self, argument)
        reply = usual if scripted is None else scripted
        if reply == "hang-up":
            raise EOFError
        self.sock.sendall(reply.encode() + b"\r\n" if isinstance(reply, str) else reply)
        return reply[:1] in ("2", "3")

    def _command(self):
        line = self._line()
        self.sink.commands.append((self.number, bool(self.tls), line))
        verb, _, argument = line.decode("utf-8", "replace").partition(" ")
        verb = verb.upper()
        run = getattr(self, "_on_" + verb.lower(), None)
        if run is None:
            return self._answer(verb, argument, "502 5.5.1 what?") or True
        return run(argument)

    def _on_ehlo(self, argument):
        self.hello = argument
        lines = [*self.sink.extensions, *(self.sink.tls_extensions if self.tls else [])]
        if self.sink.offers_starttls and not self.tls:
            lines.append("STARTTLS")
        lines.insert(0, "sink.example.test")
        signs = ["-"] * (len(lines) - 1) + [" "]
        self._answer("EHLO", argument, "\r\n".join(f"250{sign}{line}" for sign, line in zip(signs, lines)))
        return True

    def _on_helo(self, argument):
        self.hello = argument
        self._answer("HELO", argument, "250 sink.example.test")
        return True

    def _on_starttls(self, argument):
        if self._answer("STARTTLS", argument, "220 2.0.0 go on"):
            self._wrap()
        return True

    def _on_auth(self, argument):
        self.sink.credentials.append(argument)
        self._answer("AUTH", argument, "235 2.7.0 welcome")
        return True

    def _on_mail(self, argument):
        path, _, rest = argument.partition(">")
        if self._answer("MAIL", argument, "250 2.1.0 ok"):
            self.message = Message(self.number, self.hello, self.tls, path.partition("<")[2], rest.split())
        return True

    def _on_rcpt(self, argument):
        path, _, rest = argument.partition(">")
        if self._answer("RCPT", argument, "250 2.1.5 ok") and self.message:
            self.message.recipients.append((path.partition("<")[2], rest.split()))
        return True

    def _on_data(self, argument):
        if not (self.message and self.message.recipients):
            return self._answer("none", argument, "554 5.5.1 no valid recipients") or True
        if not self._answer("DATA", argument, "354 go on"):
            return True
        self._end(self._content())
        return True

    def _on_bdat(self, argument):
        size, _, last = argument.partition(" ")
        self.message.wire += self._take(int(size))
        if last.upper() == "LAST":
            self.message.wire = self.message.wire.replace(b"\r\n.", b"\r\n..")
            self._end(self.message.wire)
        else:
            self._answer("BDAT", argument, "250 2.0.0 ok")
        return True

    def _end(self, wire):
        self.message.wire = wire
        message, self.message = self.message, None
        if self._answer(".", message, "250 2.0.0 taken"):
            self.sink.messages.append(message)

    def _on_rset(self, argument):
        self.message = None
        return self._answer("RSET", argument, "250 2.0.0 ok") or True

    def _on_noop(self, argument):
        return self._answer("NOOP", argument, "250 2.0.0 ok") or True

    def _on_quit(self, argument):
        self._answer("QUIT", argument, "221 2.0.0 bye")
        return False
