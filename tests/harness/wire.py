"""An SMTP client that says exactly what it is told, byte by byte, and reads replies strictly."""
import re
import socket
import ssl

REPLY_LINE = re.compile(rb"^(\d{3})([ -])([\x20-\x7e]*)\r\n$")


class Closed(AssertionError):
    """The server hung up."""


class Reply:
    def __init__(self, code, lines):
        self.code, self.lines = code, lines

    @property
    def text(self):
        return "\n".join(self.lines)

    def __repr__(self):
        return f"<{self.code} {self.text!r}>"


class Wire:
    """`with Wire(address, port) as w`; replies that are not well-formed SMTP fail the test."""

    def __init__(self, address, port, seconds=20, tls=False, source=None):
        self.sock = socket.create_connection((address, port), seconds, source_address=source and (source, 0))
        self.buffer = b""
        if tls:
            self.wrap()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def wrap(self, name="mx.example.test"):
        """TLS from here on; the certificate is looked at by other tests."""
        assert self.buffer == b"", f"bytes in clear before the handshake: {self.buffer!r}"
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self.sock = context.wrap_socket(self.sock, server_hostname=name)

    def send(self, data):
        self.sock.sendall(data)

    def line(self):
        while b"\n" not in self.buffer:
            try:
                data = self.sock.recv(65536)
            except (ConnectionResetError, BrokenPipeError, ssl.SSLEOFError):
                data = b""
            if not data:
                raise Closed(f"connection closed; unread: {self.buffer!r}")
            self.buffer += data
        line, _, self.buffer = self.buffer.partition(b"\n")
        return line + b"\n"

    def reply(self):
        lines = []
        while True:
            line = self.line()
            match = REPLY_LINE.match(line)
            assert match, f"not a reply line: {line!r}"
            lines.append(match.group(3).decode())
            if match.group(2) == b" ":
                return Reply(int(match.group(1)), lines)

    def is_closed(self):
        """True when the server has hung up and said nothing more."""
        try:
            self.line()
        except Closed:
            return True
        return False

    def say(self, line):
        """One command, its reply."""
        self.send((line if isinstance(line, bytes) else line.encode()) + b"\r\n")
        return self.reply()

    def expect(self, code, line=None):
        got = self.reply() if line is None else self.say(line)
        assert got.code == code, f"{line!r}: wanted {code}, got {got}"
        return got

    def hello(self, name="client.example.org", starttls=False):
        """Greeting and EHLO; with STARTTLS, then EHLO again. Returns the extensions."""
        self.expect(220)
        return self.secure(name) if starttls else self.ehlo(name)

    def secure(self, name="client.example.org"):
        self.ehlo(name)
        self.expect(220, "STARTTLS")
        self.wrap()
        return self.ehlo(name)

    def ehlo(self, name="client.example.org"):
        return [line.upper() for line in self.expect(250, f"EHLO {name}").lines[1:]]

    def envelope(self, sender, *recipients):
        self.expect(250, f"MAIL FROM:<{sender}>")
        for recipient in recipients:
            self.expect(250, f"RCPT TO:<{recipient}>")
        self.expect(354, "DATA")

    def message(self, sender, recipient, body=b"Subject: test\r\n\r\nhello\r\n"):
        """One message; the reply to its end."""
        self.envelope(sender, recipient)
        self.send(body + b".\r\n")
        return self.expect(250)
