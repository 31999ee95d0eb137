"""Files as package managers and linkers leave them: packages.py DIR makes a root directory with some of each kind."""
import json, os, sqlite3, struct, sys, zlib


def elf(sections):
    """An ELF file (64 bits, little-endian) with these sections and nothing else."""
    names, body, heads = b"\0", b"", [bytes(64)]
    for name, data in list(sections.items()) + [(".shstrtab", None)]:
        at = len(names)
        names += name.encode() + b"\0"
        data = names if data is None else data
        heads.append(struct.pack("<IIQQQQIIQQ", at, 1, 0, 0, 64 + len(body), len(data), 0, 0, 1, 0))
        body += data
    head = b"\x7fELF\x02\x01\x01" + bytes(9)
    head += struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, 0, 0, 64 + len(body), 0, 64, 0, 0, 64, len(heads), len(heads) - 1)
    return head + body + b"".join(heads)


def varint(n):
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def go(version, lines):
    """What Go's linker notes since 1.18: the version and the modules, each with its length."""
    info = b"0" * 16 + "\n".join(lines).encode() + b"\n" + b"1" * 16
    head = b"\xff Go buildinf:" + bytes([8, 2]) + bytes(16)
    return elf({".go.buildinfo": head + varint(len(version)) + version.encode() + varint(len(info)) + info})


def cargo(packages):
    return elf({".dep-v0": zlib.compress(json.dumps({"packages": packages}).encode())})


def rpm_header(name, version, release, arch, epoch=None, licence="", filler=0):
    """A package's header: an index of tags with type, offset and count, then the values."""
    strings = {1000: name, 1001: version, 1002: release, 1004: "x" * filler, 1014: licence, 1022: arch,
               1044: f"{name}-{version}-{release}.src.rpm"}
    index, data = [], b""
    for tag, text in strings.items():
        index.append(struct.pack(">IIII", tag, 6, len(data), 1))
        data += text.encode() + b"\0"
    if epoch is not None:
        data += bytes(-len(data) % 4)
        index.append(struct.pack(">IIII", 1003, 4, len(data), 1))
        data += struct.pack(">I", epoch)
    return struct.pack(">II", len(index), len(data)) + b"".join(index) + data


def rpm(path, headers, page_size=4096):
    db = sqlite3.connect(path)
    db.execute(f"PRAGMA page_size = {page_size}")
    db.execute("CREATE TABLE Packages (hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB NOT NULL)")
    db.executemany("INSERT INTO Packages (blob) VALUES (?)", [(h,) for h in headers])
    db.commit()
    db.close()


def put(root, path, data, mode=0o644):
    full = os.path.join(root, path)
    os.makedirs(os.path.dirname(full), exist_ok=True)
    with open(full, "wb") as f:
        f.write(data if isinstance(data, bytes) else data.encode())
    os.chmod(full, mode)


def main(root):
    put(root, "etc/os-release", 'ID=debian\nVERSION_ID="12"\n')
    put(root, "var/lib/dpkg/status", "Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nSource: glibc (2.36-9)\n"
        "Version: 2.36-9+deb12u4\nDescription: words\n more words\n\n"
        "Package: gone\nStatus: deinstall ok config-files\nVersion: 1\n\n"
        "Package: bsdutils\nStatus: hold ok installed\nArchitecture: amd64\nVersion: 1:2.38.1-5\n")
    put(root, "var/lib/dpkg/status.d/base", "Package: base-files\nVersion: 12.4\nArchitecture: all\n")
    put(root, "var/lib/dpkg/status.d/base.md5sums", "Package: nothing\nVersion: 1\n")
    put(root, "lib/apk/db/installed", "C:Q1x=\nP:musl\nV:1.2.4-r2\nA:x86_64\nL:MIT\no:musl\nF:lib\nR:ld.so\n\n"
        "P:busybox\nV:1.36.1-r5\nA:x86_64\nL:GPL-2.0-only AND custom\no:busybox\n")
    put(root, "usr/lib/node_modules/@scope/tool/package.json", '{"name": "@scope/tool", "version": "1.0.0", "license": "MIT"}')
    put(root, "usr/lib/node_modules/old/package.json", '{"name": "old", "version": "2.0.0", "licenses": [{"type": "BSD"}]}')
    put(root, "usr/lib/node_modules/old/test/package.json", '{"name": "fixture", "version": "0.0.0"}')
    put(root, "usr/lib/node_modules/broken/package.json", '{"name": ')
    put(root, "usr/lib/python3/dist-packages/Foo_Bar-1.0.dist-info/METADATA",
        "Metadata-Version: 2.1\nName: Foo_Bar\nVersion: 1.0\nLicense: Apache-2.0\n\nName: not this\n")
    put(root, "usr/lib/python3/dist-packages/baz.egg-info", "Name: baz\nVersion: 0.1\nLicense: UNKNOWN\n")
    put(root, "usr/bin/server", go("go1.21.3 X:none", [
        "path\texample.org/server", "mod\texample.org/server\t(devel)\t", "dep\tgolang.org/x/Net\tv0.17.0\th1:x=",
        "dep\texample.org/old\tv1.0.0", "=>\texample.org/new\tv1.2.0\th1:y=", "build\t-trimpath=true"]), 0o755)
    put(root, "usr/bin/tool", cargo([{"name": "rand", "version": "0.8.5", "source": "crates.io"},
                                     {"name": "cc", "version": "1.0.0", "kind": "build"}]), 0o755)
    put(root, "usr/bin/script", "#!/bin/sh\n", 0o755)
    os.makedirs(os.path.join(root, "var/lib/rpm"))
    rpm(os.path.join(root, "var/lib/rpm/rpmdb.sqlite"),
        [rpm_header("bash", "5.2.21", "2.fc39", "x86_64", licence="GPL-3.0-or-later", filler=9000),
         rpm_header("gpg-pubkey", "1", "1", "")] +
        [rpm_header(f"lib{i}", "1", "1.fc39", "noarch", epoch=i) for i in range(100)])


if __name__ == "__main__":
    main(sys.argv[1])
