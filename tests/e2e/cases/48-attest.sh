# What an image is made of: the packages in it. packages.py makes files of every package manager.

# An image p:1 with packages of every kind. A later layer removes one file and replaces another.
image_with_packages() {
    mkdir c
    python3 "$E2E_HERE/packages.py" c/root
    cp /bin/busybox c/root/usr/bin/busybox
    printf 'P:zlib\nV:1.3-r0\nA:x86_64\nL:Zlib\n' >c/installed
    cat >c/Dockerfile <<X
FROM scratch
COPY root /
RUN ["/usr/bin/busybox", "rm", "/usr/bin/tool"]
COPY installed /lib/apk/db/installed
X
    SOURCE_DATE_EPOCH=1700000000 cbuild -q -t p:1 "$@" c >id 2>log
}

t_sbom_lists_packages_of_every_kind() {
    only root
    image_with_packages
    cbuild sbom p:1 >s.json 2>log
    has "$(cat log)" "the SBOM of 'p:1' is incomplete: /usr/lib/node_modules/broken/package.json: "
    cbuild sbom -q --format cyclonedx -o c.json p:1
    cbuild sbom -q p:1 | cmp - s.json
    python3 - "$(cat id)" <<'X'
import json, sys
s, c = json.load(open("s.json")), json.load(open("c.json"))
assert s["spdxVersion"] == "SPDX-2.3" and s["creationInfo"]["created"] == "2023-11-14T22:13:20Z", s["creationInfo"]
root, *packages = s["packages"]
assert root["versionInfo"] == sys.argv[1] and root["name"] == "p:1", root
purls = {p["externalRefs"][0]["referenceLocator"]: p for p in packages}
assert len(purls) == len(packages) == 113, len(packages)
want = """pkg:apk/debian/zlib@1.3-r0?arch=x86_64&distro=debian-12
pkg:deb/debian/base-files@12.4?arch=all&distro=debian-12
pkg:deb/debian/bsdutils@1:2.38.1-5?arch=amd64&distro=debian-12
pkg:deb/debian/libc6@2.36-9%2Bdeb12u4?arch=amd64&distro=debian-12&upstream=glibc%402.36-9
pkg:golang/example.org/new@v1.2.0
pkg:golang/example.org/server
pkg:golang/golang.org/x/net@v0.17.0
pkg:golang/stdlib@1.21.3
pkg:npm/%40scope/tool@1.0.0
pkg:npm/old@2.0.0
pkg:pypi/baz@0.1
pkg:pypi/foo-bar@1.0
pkg:rpm/debian/bash@5.2.21-2.fc39?arch=x86_64&distro=debian-12&upstream=bash-5.2.21-2.fc39.src.rpm""".split("\n")
assert [p for p in sorted(purls) if "/lib" not in p or "libc6" in p] == want, sorted(purls)
assert purls["pkg:pypi/foo-bar@1.0"]["licenseDeclared"] == "Apache-2.0"
assert "Not read: /usr/lib/node_modules/broken" in s["creationInfo"]["comment"]
ids = [p["SPDXID"] for p in s["packages"]]
assert len(set(ids)) == len(ids) and {r["relatedSpdxElement"] for r in s["relationships"]} == set(ids)
assert {x["purl"] for x in c["components"] if "purl" in x} == set(purls)
assert c["specVersion"] == "1.5" and c["compositions"][0]["aggregate"] == "incomplete"
X
}

t_sbom_says_what_is_wrong() {
    only root
    fails 1 cbuild sbom nothing:1
    has "$out" "'nothing:1'"
    fails 2 cbuild sbom --format xml nothing:1
    has "$out" "there is no format 'xml': spdx or cyclonedx"
}
