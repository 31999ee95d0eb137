#!/usr/bin/env python3
"""layers.py STORE SECRET: every unpacked layer holds what its index says and nothing of the host.

Nothing is there beside it: no name, no attribute, no mark of overlay's, no owner or mode of the root, which is in no index.
Reads the indexes with nothing of cbuild in it; the format is in cache/store/index.c. What this user may not read (files of
subordinate owners) is passed over."""
import hashlib, os, stat, struct, sys

FILE, DIR, SYMLINK, CHAR, BLOCK, FIFO, HARDLINK, WHITEOUT, OPAQUE = range(9)
OWNER = b"user.cbuild.own"


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, form):
        value = struct.unpack_from("<" + form, self.data, self.at)
        self.at += struct.calcsize("<" + form)
        return value[0]

    def bytes(self, n=None):
        n = self.take("Q") if n is None else n
        self.at += n
        return self.data[self.at - n:self.at]


def read_index(path):
    with open(path, "rb") as f:
        r = Reader(f.read())
    assert r.bytes(5) == b"cbidx" and r.take("B") == 1, path
    entries, opaque = {}, set()
    for _ in range(r.take("Q")):
        name, kind, size, digest, link, owner = r.bytes(), r.take("B"), 0, None, None, None
        attributes = set()
        if kind < WHITEOUT:
            _, owner = r.take("I"), b"%d:%d" % (r.take("I"), r.take("I"))
            r.bytes(8)
            for _ in range(r.take("I")):
                attributes.add(r.bytes())
                r.bytes()
            if kind == FILE:
                size, digest = r.take("Q"), r.bytes(32)
            elif kind in (SYMLINK, HARDLINK):
                link = r.bytes()
            elif kind in (CHAR, BLOCK):
                owner += b":%c:%d:%d" % (b"c" if kind == CHAR else b"b", r.take("I"), r.take("I"))
        if kind == OPAQUE:
            opaque.add(name)
        else:
            entries[name] = (kind, size, digest, link, attributes, owner)
    return entries, opaque


def content(path):
    try:
        with open(path, "rb") as f:
            return f.read()
    except OSError:
        return None


def is_whiteout(path, st):
    if stat.S_ISCHR(st.st_mode) and st.st_rdev == 0:
        return True
    return stat.S_ISREG(st.st_mode) and any(a.endswith("overlay.whiteout") for a in os.listxattr(path, follow_symlinks=False))


def unnamed(path, named):
    """Attributes that are not of these names; labels of security modules are on every file, overlay's origin acts on nobody."""
    try:
        names = [os.fsencode(a) for a in os.listxattr(path, follow_symlinks=False)]
    except OSError:
        return []
    named = set(named) | {b"user.overlay.origin"}
    return [a for a in names if a not in named and (not a.startswith(b"security.") or a == b"security.capability")]


def keeps_owners(layer):
    """a user with one id notes the others beside the files, and says so (cache/layer/form.c)"""
    with open(os.path.join(layer, b"state"), "rb") as f:
        state = f.read()
    return b" beside" in state or b" links" in state


def kept_owner(path):
    """what such a user notes about a file (base/owner.h)"""
    try:
        return os.getxattr(path, OWNER, follow_symlinks=False)
    except OSError:
        return None


def complaints(layer, secret):
    (entries, opaque), root = read_index(os.path.join(layer, b"index")), os.path.join(layer, b"fs")
    found, st, beside = set(), os.lstat(root), keeps_owners(layer)
    if stat.S_IMODE(st.st_mode) != 0o755 or st.st_uid != os.geteuid() or st.st_gid != os.getegid():
        yield b"/", "has the mode %o and the owner %d:%d" % (stat.S_IMODE(st.st_mode), st.st_uid, st.st_gid)
    for a in unnamed(root, ()):
        yield b"/", "carries %s" % ascii(a)
    for where, dirs, files in os.walk(root):
        for name in dirs + files:
            path = os.path.join(where, name)
            key = os.path.relpath(path, root)
            found.add(key)
            st = os.lstat(path)
            entry = entries.get(key)
            data = content(path) if stat.S_ISREG(st.st_mode) else None
            if data is not None and secret in data:
                yield key, "has a secret of the host"
            if entry is None:
                yield key, "is in no index"
                continue
            head = entries.get(entry[3], entry) if entry[0] == HARDLINK else entry
            own = kept_owner(path) if beside else None
            if own is not None and own != head[5]:
                yield key, "belongs to %s, not %s" % (ascii(own), ascii(head[5]))
            known = ({b"user.overlay.opaque"} if key in opaque else set()) | ({OWNER} if own is not None else set())
            for a in unnamed(path, head[4] | known):
                yield key, "carries %s" % ascii(a)
            if (head[0] == DIR) != stat.S_ISDIR(st.st_mode) or (head[0] == WHITEOUT) != is_whiteout(path, st):
                yield key, "is of another type than the index says"
            elif entry[0] == FILE and (not stat.S_ISREG(st.st_mode) or st.st_size != entry[1] or
                                       (data is not None and hashlib.sha256(data).digest() != entry[2])):
                yield key, "is another file than the index says"
    for key, entry in entries.items():
        parent = os.path.join(root, os.path.dirname(key))
        if key not in found and os.access(parent, os.R_OK | os.X_OK):
            yield key, "is missing"


def main():
    layers, secret, bad = os.fsencode(os.path.join(sys.argv[1], "layers")), os.fsencode(sys.argv[2]), 0
    for name in sorted(os.listdir(layers)) if os.path.isdir(layers) else []:
        layer = os.path.join(layers, name)
        if os.path.isdir(os.path.join(layer, b"fs")):
            for key, what in complaints(layer, secret):
                print("layer %s: %s %s" % (os.fsdecode(name)[:12], ascii(os.fsdecode(key)), what))
                bad += 1
    return bad > 0


sys.exit(main())
