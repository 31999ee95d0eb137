#!/usr/bin/env python3
"""terminal.py COLUMNSxROWS FRAMES COMMAND…: runs a command on a terminal of that size.

Prints what stands in the terminal at the end, with all that scrolled out of it, and gives the command's exit status. FRAMES gets
every picture of the screen that differs from the one before, each behind a line "--- N lines scrolled out". Knows what a simple
terminal knows; a sequence it does not know ends the test."""
import codecs, fcntl, os, pty, re, struct, sys, termios

SEQUENCE = re.compile(r"\x1b(?:\[([0-9;?]*)([A-Za-z])|(.?))")


class Screen:
    def __init__(self, columns, rows):
        self.columns, self.rows = columns, rows
        self.lines, self.top, self.y, self.x, self.wraps = [""], 0, 0, 0, True
        self.pending = ""

    def feed(self, text):
        text, self.pending = self.pending + text, ""
        i = 0
        while i < len(text):
            c = text[i]
            if c == "\x1b":
                m = SEQUENCE.match(text, i)
                if not m or m.group(0) in ("\x1b", "\x1b["):
                    self.pending = text[i:]
                    return
                if m.group(3) is not None:
                    if re.fullmatch(r"\x1b\[[0-9;?]*", text[i:]):
                        self.pending = text[i:]
                        return
                    sys.exit(f"unknown sequence: {text[i:i + 10]!r}")
                self.obey(m.group(1), m.group(2))
                i = m.end()
                continue
            self.put(c)
            i += 1

    def obey(self, arg, kind):
        if kind == "m":
            return
        if kind == "A":
            self.y = max(self.y - int(arg or 1), self.top)
        elif kind == "J" and arg in ("", "0"):
            self.lines[self.y] = self.lines[self.y][: self.x]
            del self.lines[self.y + 1 :]
        elif kind in "hl" and arg == "?7":
            self.wraps = kind == "h"
        else:
            sys.exit(f"unknown sequence: {arg!r} {kind!r}")

    def put(self, c):
        if c == "\r":
            self.x = 0
        elif c == "\n":
            self.down()
        elif c < " " or c == "\x7f":
            sys.exit(f"control byte {c!r} reaches the terminal")
        else:
            if self.x == self.columns:
                if self.wraps:
                    self.down()
                    self.x = 0
                else:
                    self.x -= 1
            line = self.lines[self.y].ljust(self.x)
            self.lines[self.y] = line[: self.x] + c + line[self.x + 1 :]
            self.x += 1

    def down(self):
        self.y += 1
        if self.y == len(self.lines):
            self.lines.append("")
        self.top = max(self.top, self.y - self.rows + 1)


def main():
    columns, rows = map(int, sys.argv[1].split("x"))
    pid, fd = pty.fork()
    if pid == 0:
        os.read(0, 1)  # until the terminal has its size
        os.execvp(sys.argv[3], sys.argv[3:])
    attributes = termios.tcgetattr(fd)
    attributes[3] &= ~termios.ECHO
    termios.tcsetattr(fd, termios.TCSANOW, attributes)
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    os.write(fd, b"\n")
    screen, last = Screen(columns, rows), None
    decode = codecs.getincrementaldecoder("utf-8")("replace")
    with open(sys.argv[2], "w", encoding="utf-8") as frames:
        while True:
            try:
                block = os.read(fd, 65536)
            except OSError:
                break
            if not block:
                break
            screen.feed(decode.decode(block))
            shown = "\n".join(screen.lines[screen.top :])
            if shown != last and not screen.pending:
                frames.write(f"--- {screen.top} lines scrolled out\n{shown}\n")
                last = shown
    print("\n".join(line.rstrip() for line in screen.lines))
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    sys.exit(status if status >= 0 else 128 - status)


main()
