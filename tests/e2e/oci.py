#!/usr/bin/env python3
"""Reads and makes OCI images for the end-to-end cases, with nothing of cbuild in it.

oci.py manifest|config IMAGE      the document as JSON; IMAGE is an archive (tar) or a layout directory
oci.py layers IMAGE [N]           every entry of all layers (or of layer N, from 0; -1: the last), a line each:
                                  N TYPE MODE UID:GID SIZE MTIME NAME[ -> TARGET][ XATTR=HEX]…; names as Python strings
oci.py names IMAGE [N]            only type and name
oci.py verify IMAGE               digests and sizes of everything that is named, diff IDs of the config
oci.py layout DIR TAR…            a layout directory with these layers (media type by their first bytes)
oci.py change DIR CODE            runs CODE, which may change `manifest` and `config` of a layout, and writes them back
"""
import gzip, hashlib, io, json, os, subprocess, sys, tarfile


def digest(b):
    return "sha256:" + hashlib.sha256(b).hexdigest()


class Image:
    def __init__(self, path):
        self.path = path
        self.tar = None if os.path.isdir(path) else tarfile.open(path)
        index = json.loads(self.read("index.json"))
        self.descriptor = index["manifests"][0]
        self.manifest = json.loads(self.blob(self.descriptor))
        while "manifests" in self.manifest:
            self.descriptor = self.manifest["manifests"][0]
            self.manifest = json.loads(self.blob(self.descriptor))
        self.config = json.loads(self.blob(self.manifest["config"]))

    def read(self, name):
        if self.tar:
            return self.tar.extractfile(name).read()
        with open(os.path.join(self.path, name), "rb") as f:
            return f.read()

    def blob(self, d):
        data = self.read("blobs/" + d["digest"].replace(":", "/"))
        assert len(data) == d["size"], "size of " + d["digest"]
        assert digest(data) == d["digest"], "digest of " + d["digest"]
        return data

    def layer(self, n):
        data = self.blob(self.manifest["layers"][n])
        if data[:2] == b"\x1f\x8b":
            return gzip.decompress(data)
        if data[:4] == b"\x28\xb5\x2f\xfd":
            return subprocess.run(["zstd", "-dcq"], input=data, stdout=subprocess.PIPE, check=True).stdout
        return data


KINDS = {tarfile.REGTYPE: "-", tarfile.AREGTYPE: "-", tarfile.LNKTYPE: "h", tarfile.SYMTYPE: "l", tarfile.DIRTYPE: "d",
         tarfile.FIFOTYPE: "p", tarfile.CHRTYPE: "c", tarfile.BLKTYPE: "b", tarfile.GNUTYPE_SPARSE: "-"}


def show(n, m, short):
    name = ascii(m.name)[1:-1]
    if short:
        return "%d %s %s" % (n, KINDS[m.type], name)
    line = "%d %s %04o %d:%d %d %d %s" % (n, KINDS[m.type], m.mode, m.uid, m.gid, m.size, m.mtime, name)
    if m.linkname:
        line += " -> " + ascii(m.linkname)[1:-1]
    if m.type in (tarfile.CHRTYPE, tarfile.BLKTYPE):
        line += " %d,%d" % (m.devmajor, m.devminor)
    for key in sorted(m.pax_headers):
        if key.startswith("SCHILY.xattr."):
            line += " %s=%s" % (key[13:], m.pax_headers[key].encode("utf-8", "surrogateescape").hex())
    return line


def layers(image, which, short):
    for n in range(len(image.manifest["layers"])):
        if which is not None and n != which % len(image.manifest["layers"]):
            continue
        with tarfile.open(fileobj=io.BytesIO(image.layer(n)), errors="surrogateescape", encoding="utf-8") as t:
            for m in t:
                print(show(n, m, short))


def verify(image):
    ids = image.config["rootfs"]["diff_ids"]
    assert len(ids) == len(image.manifest["layers"]), "number of layers"
    for n, want in enumerate(ids):
        assert digest(image.layer(n)) == want, "diff ID of layer %d" % n
    filled = [h for h in image.config["history"] if not h.get("empty_layer")]
    assert len(filled) == len(ids), "history has %d layers, the config %d" % (len(filled), len(ids))


def layout(where, tars):
    blobs = os.path.join(where, "blobs", "sha256")
    os.makedirs(blobs)

    def put(data, kind):
        with open(os.path.join(blobs, digest(data)[7:]), "wb") as f:
            f.write(data)
        return {"mediaType": "application/vnd.oci.image." + kind, "digest": digest(data), "size": len(data)}

    ids, descriptors = [], []
    for name in tars:
        with open(name, "rb") as f:
            data = f.read()
        packed = data[:2] == b"\x1f\x8b"
        try:
            ids.append(digest(gzip.decompress(data) if packed else data))
        except EOFError:  # cut off on purpose
            ids.append(digest(data))
        descriptors.append(put(data, "layer.v1.tar+gzip" if packed else "layer.v1.tar"))
    config = {"architecture": "amd64", "os": "linux", "config": {}, "rootfs": {"type": "layers", "diff_ids": ids},
              "history": [{"created_by": "layer"} for _ in ids]}
    manifest = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "config": put(json.dumps(config).encode(), "config.v1+json"), "layers": descriptors}
    d = put(json.dumps(manifest).encode(), "manifest.v1+json")
    with open(os.path.join(where, "index.json"), "w") as f:
        json.dump({"schemaVersion": 2, "manifests": [d]}, f)
    with open(os.path.join(where, "oci-layout"), "w") as f:
        f.write('{"imageLayoutVersion": "1.0.0"}')


def change(where, code):
    image = Image(where)
    exec(code, {"manifest": image.manifest, "config": image.config})
    with open(os.path.join(where, "index.json")) as f:
        index = json.load(f)

    def put(document, descriptor):
        data = json.dumps(document).encode()
        descriptor["digest"], descriptor["size"] = digest(data), len(data)
        with open(os.path.join(where, "blobs", "sha256", digest(data)[7:]), "wb") as f:
            f.write(data)

    put(image.config, image.manifest["config"])
    put(image.manifest, index["manifests"][0])
    with open(os.path.join(where, "index.json"), "w") as f:
        json.dump(index, f)


def main():
    what, path, rest = sys.argv[1], sys.argv[2], sys.argv[3:]
    if what == "layout":
        return layout(path, rest)
    if what == "change":
        return change(path, rest[0])
    image = Image(path)
    if what in ("layers", "names"):
        return layers(image, int(rest[0]) if rest else None, what == "names")
    if what == "verify":
        return verify(image)
    print(json.dumps(getattr(image, what)))


main()
