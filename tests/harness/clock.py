"""A wall clock that a test moves under a running daemon."""
import pathlib
import struct
import subprocess

HOUR, DAY = 3600, 86400
SOURCE = pathlib.Path(__file__).with_name("clock_shift.c")


class Clock:
    def __init__(self, folder):
        folder.mkdir(exist_ok=True)
        self.file, library = folder / "shift", folder / "clock_shift.so"
        self.shift = 0
        self.move(0)
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", str(library), str(SOURCE), "-ldl"], check=True)
        self.environment = {"LD_PRELOAD": str(library), "CLOCK_SHIFT_FILE": str(self.file)}

    def move(self, seconds):
        """The daemon's clock goes so many seconds before the true time, behind it where negative."""
        self.shift = seconds
        if not self.file.exists():
            self.file.write_bytes(bytes(8))
        with self.file.open("r+b") as out:  # the daemon has it mapped
            out.write(struct.pack("=q", seconds))

    def forward(self, seconds):
        self.move(self.shift + seconds)
