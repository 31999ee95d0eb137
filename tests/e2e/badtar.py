#!/usr/bin/env python3
"""badtar.py KIND FILE: a layer as no honest builder writes it. Every kind is explained in KINDS."""
import gzip, io, sys, tarfile

KINDS = {
    "absolute": "a name from the root", "dotdot": "a name above the root", "dotdot-deep": "the same, behind a directory",
    "symlink": "a symlink out of the root, and a file written through it", "symlink-dir": "the same, made a directory first",
    "symlink-absolute": "a symlink to /etc of the image, and a file through it", "hardlink": "a hard link to /etc/passwd",
    "hardlink-up": "a hard link with ..", "hardlink-missing": "a hard link to nothing", "file-then-below": "a file, then a name below it",
    "whiteout-root": "a whiteout of ..", "whiteout-empty": "a whiteout without a name", "whiteout-dot": "a whiteout of .",
    "opaque-root": "an opaque mark in the root, by way of a symlink", "whiteout-by-symlink": "a directory named like a whiteout, the same way",
    "truncated": "ends in the middle of a file", "truncated-gzip": "a gzip stream that is cut off", "garbage": "no tar at all",
    "empty-name": "an entry without a name", "long-name": "a name of 10,000 bytes", "deep": "2,000 nested directories",
    "abyss": "4,000 nested directories",
    "xattr-overlay": "attributes that overlay itself uses", "device-like-whiteout": "a character device 0,0",
    "twice": "the same name twice", "good": "nothing wrong",
}


def main():
    kind, path = sys.argv[1:]
    out = io.BytesIO()
    t = tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT)

    def add(name, type=tarfile.REGTYPE, link="", data=b"evil\n", pax=None, major=0):
        m = tarfile.TarInfo(name)
        m.type, m.linkname, m.mode, m.devmajor, m.devminor = type, link, 0o755 if type == tarfile.DIRTYPE else 0o644, major, 0
        m.pax_headers = pax or {}
        if type == tarfile.REGTYPE:
            m.size = len(data)
        t.addfile(m, io.BytesIO(data))

    add("first", data=b"first\n")
    if kind == "absolute":
        add("/escaped-absolute")
    elif kind == "dotdot":
        add("../escaped")
    elif kind == "dotdot-deep":
        add("d", tarfile.DIRTYPE)
        add("d/../../../escaped")
    elif kind == "symlink":
        add("out", tarfile.SYMTYPE, "../../../../../../../../../../tmp")
        add("out/escaped-symlink")
    elif kind == "symlink-dir":
        add("out", tarfile.DIRTYPE)
        add("out", tarfile.SYMTYPE, "../../../../../../../../../../tmp")
        add("out/escaped-symlink")
    elif kind == "symlink-absolute":
        add("etc", tarfile.DIRTYPE)
        add("link", tarfile.SYMTYPE, "/etc")
        add("link/through")
    elif kind == "hardlink":
        add("hard", tarfile.LNKTYPE, "/etc/passwd")
    elif kind == "hardlink-up":
        add("hard", tarfile.LNKTYPE, "../../../../../../../etc/passwd")
    elif kind == "hardlink-missing":
        add("hard", tarfile.LNKTYPE, "nowhere")
    elif kind == "file-then-below":
        add("f")
        add("f/below")
    elif kind == "whiteout-root":
        add(".wh...", data=b"")
    elif kind == "whiteout-empty":
        add(".wh.", data=b"")
    elif kind == "whiteout-dot":
        add("d/.wh..", data=b"")
    elif kind == "opaque-root":
        add("s", tarfile.SYMTYPE, "/")
        add("s/.wh..wh..opq", data=b"")
    elif kind == "whiteout-by-symlink":
        add("s", tarfile.SYMTYPE, ".wh.d")
        add("s/f")
    elif kind == "empty-name":
        add("")
    elif kind == "long-name":
        add("n" * 10000)
    elif kind == "deep":
        add("/".join("d" * 2000) + "/f")
    elif kind == "abyss":
        add("/".join("d" * 4000) + "/f")
    elif kind == "xattr-overlay":
        add("x", tarfile.DIRTYPE, pax={"SCHILY.xattr.trusted.overlay.opaque": "y", "SCHILY.xattr.user.overlay.redirect": "/etc"})
    elif kind == "device-like-whiteout":
        add("dev", tarfile.CHRTYPE)
    elif kind == "twice":
        add("first", data=b"second\n")
    t.close()
    data = out.getvalue()
    if kind == "truncated":
        big = io.BytesIO()
        t = tarfile.open(fileobj=big, mode="w")
        m = tarfile.TarInfo("big")
        m.size = 100000
        t.addfile(m, io.BytesIO(b"x" * 100000))
        t.close()
        data = big.getvalue()[:50000]
    elif kind == "truncated-gzip":
        data = gzip.compress(data)[:-40]
    elif kind == "garbage":
        data = bytes(range(256)) * 8
    with open(path, "wb") as f:
        f.write(data)


main()
