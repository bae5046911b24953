"""A small DNS server over UDP for the tests' own names: records, denials, failures and silence."""
import ipaddress
import socket
import struct
import threading

TYPES = {"A": 1, "CNAME": 5, "MX": 15, "TXT": 16, "AAAA": 28}
SERVFAIL, NXDOMAIN = 2, 3


def _name(text):
    return b"".join(bytes([len(label)]) + label.encode() for label in text.strip(".").split(".") if label) + b"\0"


def _rdata(kind, value):
    if kind in ("A", "AAAA"):
        return ipaddress.ip_address(value).packed
    if kind == "MX":
        preference, exchange = value.split()
        return struct.pack(">H", int(preference)) + _name(exchange)
    if kind == "CNAME":
        return _name(value)
    return bytes([len(value)]) + value.encode()


class DnsServer:
    """`records` maps a name to {type: [values]}; `failing` names answer SERVFAIL, pairs of name and type likewise,
    `silent` names nothing. `claims_validation`: the AD bit is set, without a signature anywhere."""

    def __init__(self, address, records, failing=(), silent=(), port=5353, claims_validation=False):
        self.records, self.failing, self.silent = records, set(failing), set(silent)
        self.flags = 0x81A0 if claims_validation else 0x8180
        self.forwarder = f"{address}@{port}"
        self.questions = []
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind((address, port))
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.is_ending = False
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.is_ending = True
        self.sock.sendto(b"", self.sock.getsockname())
        self.thread.join(5)
        self.sock.close()

    def _serve(self):
        while not self.is_ending:
            query, client = self.sock.recvfrom(4096)
            answer = self._answer(query) if len(query) > 12 else None
            if answer:
                self.sock.sendto(answer, client)

    def _answer(self, query):
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]].decode("ascii", "replace").lower())
            at += query[at] + 1
        question, kind = query[12:at + 5], struct.unpack(">H", query[at + 1:at + 3])[0]
        name = ".".join(labels)
        self.questions.append((name, kind))
        if name in self.silent:
            return None
        code, answers = self._look_up(name, kind)
        return query[:2] + struct.pack(">HHHHH", self.flags | code, 1, len(answers), 0, 0) + question + b"".join(answers)

    def _look_up(self, name, kind):
        if name in self.failing or any((name, text) in self.failing for text, number in TYPES.items() if number == kind):
            return SERVFAIL, []
        if name not in self.records:
            below = any(other.endswith("." + name) for other in self.records)
            return (0 if below else NXDOMAIN), []
        answers = []
        for text, values in self.records[name].items():
            if kind == TYPES[text] or text == "CNAME":
                answers += [_name(name) + struct.pack(">HHIH", TYPES[text], 1, 60, len(data)) + data
                            for data in (_rdata(text, value) for value in values)]
        return 0, answers
