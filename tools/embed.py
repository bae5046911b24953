"""Writes text files into a C header as one array of strings: embed.py OUT NAME FILE..."""

import sys


def literal(line: str) -> str:
    escaped = line.replace("\\", "\\\\").replace('"', '\\"').replace("\t", "\\t")
    return f'    "{escaped}\\n"'


def main() -> None:
    out, name, *files = sys.argv[1:]
    texts = []
    for path in files:
        with open(path, encoding="ascii") as f:
            texts.append("\n".join(literal(line) for line in f.read().splitlines()))
    with open(out, "w", encoding="ascii") as f:
        f.write(f"static const char *const {name}[] = {{\n" + ",\n".join(texts) + "\n};\n")


main()
