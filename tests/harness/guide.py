"""A guide of docs/guides as something to follow: its commands, and what it says they print."""
import re

from .world import TOP

NORMAL = [(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "TIME"), (r"\b[0-9a-f]{64}\b", "HEX"), (r"\b\d+\.\d+\.\d+\.\d+\b", "IP"),
          (r"\b1M[0-9A-Z]{11}\b", "ID")]


def _normal(text):
    """Without what differs from one run to the next."""
    for pattern, word in NORMAL:
        text = re.sub(pattern, word, text)
    return text


class Step:
    """A command, and the lines that are shown of its output; None: it is only to be done."""

    def __init__(self, command, shown=None):
        self.command, self.shown = command, shown

    def is_shown(self, printed):
        """A line of dots stands for any lines, dots at the end of a line for the rest of it."""
        pattern = "".join(self._line(line) for line in self.shown)
        return re.fullmatch(pattern, _normal(printed if printed.endswith("\n") or not printed else printed + "\n")) is not None

    @staticmethod
    def _line(line):
        if line.strip() == "...":
            return r"(?:.*\n)*?"
        text = _normal(line)
        return re.escape(text.removesuffix("...")) + (r".*\n" if text.endswith("...") else r"\n")


def steps(name, **replaced):
    """The steps of a guide in order. `replaced`: texts of it that are others here, as pairs."""
    text = (TOP / "docs" / "guides" / name).read_text()
    for before, after in replaced.values():
        text = text.replace(before, after)
    found, is_dialogue = [], False
    for line in text.splitlines():
        if not line.startswith("    "):
            is_dialogue = is_dialogue and not line
            continue
        if line.startswith("    $ "):
            found.append(Step(line[6:], []))
            is_dialogue = True
        elif is_dialogue:
            found[-1].shown.append(line[4:])
        else:
            found.append(Step(line[4:]))
    return found
