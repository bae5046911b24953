"""A client of a policy service, and a listener in between that writes down what a Postfix asks it."""
import socket
import threading


def frame(text):
    data = text.encode()
    return b"%d:%s," % (len(data), data)


def read_netstring(stream):
    """One whole netstring off a file of bytes; None at its end."""
    length = b""
    while not length.endswith(b":"):
        byte = stream.read(1)
        if not byte:
            return None
        length += byte
    text = stream.read(int(length[:-1]))
    assert stream.read(1) == b","
    return text.decode()


def connect(where):
    """`where`: a path, or (address, port)."""
    sock = socket.socket(socket.AF_UNIX if isinstance(where, str) else socket.AF_INET)
    sock.settimeout(30)
    sock.connect(where)
    return sock


def ask(where, key, name="policy"):
    with connect(where) as sock, sock.makefile("rb") as stream:
        sock.sendall(frame(f"{name} {key}"))
        return read_netstring(stream)


class Overhearing:
    """`with Overhearing((address, port), where) as ear`: passes everything on. ear.conversations has a list of
    (request, reply) for each connection."""

    def __init__(self, at, where):
        self.at, self.where, self.conversations = at, where, []

    def __enter__(self):
        self.listener = socket.create_server(self.at)
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.listener.close()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            self.conversations.append([])
            threading.Thread(target=self._serve, args=(client, self.conversations[-1]), daemon=True).start()

    def _serve(self, client, conversation):
        try:
            with client, client.makefile("rb") as requests, connect(self.where) as service, service.makefile("rb") as replies:
                while (request := read_netstring(requests)) is not None:
                    service.sendall(frame(request))
                    reply = read_netstring(replies)
                    conversation.append((request, reply))
                    client.sendall(frame(reply))
        except OSError:
            pass

    @property
    def exchanges(self):
        return [exchange for conversation in list(self.conversations) for exchange in list(conversation)]

    def replies(self, request):
        return [reply for asked, reply in self.exchanges if asked == request]
