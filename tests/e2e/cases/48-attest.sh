# What an image is made of: the packages in it, where it comes from, who vouches for it. packages.py makes files of every package
# manager.

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

# A context with a RUN that has a secret, a build argument and a label.
said() {
    needs skopeo
    [ -d c ] || context c <<X
${base}ARG VERSION=1
RUN --mount=type=secret,id=token [ -s /run/secrets/token ] && echo \$VERSION >/v
COPY status /var/lib/dpkg/status
X
    printf 'Package: tool\nVersion: 1.0\nStatus: install ok installed\n' >c/status
    echo secret-canary >token
    set -- --secret id=token,src=token --build-arg VERSION=arg-canary --label l=label-canary "$@"
    SOURCE_DATE_EPOCH=1700000000 cbuild "$@" c 2>log || { cat log >&2; die "build failed"; }
}

t_attestations_stand_beside_the_image() {
    only root
    said --sbom true --provenance=true -t reg.example/app:1 -o type=oci,dest=a.tar
    said --attest type=sbom --attest type=provenance,mode=max -t reg.example/app:1 -o type=oci,dest=b.tar
    cmp a.tar b.tar # SOURCE_DATE_EPOCH: nothing in them says which steps were known
    said --provenance=mode=min,builder-id=https://ci.example/1 --sbom=format=cyclonedx -o type=oci,dest=min.tar
    said --sbom=1 -o type=oci,dest=both.tar -o type=docker,dest=docker.tar # whose form has no index
    skopeo inspect --raw oci-archive:a.tar | jq -r '.manifests[1].annotations["vnd.docker.reference.type"]' >type.txt
    same "$(cat type.txt)" attestation-manifest
    mkdir copy
    skopeo copy -q --override-arch amd64 oci-archive:a.tar dir:copy # the image, whose reader knows nothing of attestations
    python3 - <<'X'
import hashlib, json, tarfile
def statements(name):
    t = tarfile.open(name)
    get = lambda d: t.extractfile("blobs/sha256/" + d["digest"][7:]).read()
    for m in t:
        if m.name.startswith("blobs/sha256/"):
            assert hashlib.sha256(t.extractfile(m).read()).hexdigest() == m.name[13:]
    image, said = json.loads(get(json.load(t.extractfile("index.json"))["manifests"][0]))["manifests"]
    assert image["platform"]["os"] == "linux" and said["platform"] == {"architecture": "unknown", "os": "unknown"}
    assert said["annotations"]["vnd.docker.reference.digest"] == image["digest"]
    m = json.loads(get(said))
    config = json.loads(get(m["config"]))
    assert config["architecture"] == config["os"] == "unknown"
    assert config["rootfs"]["diff_ids"] == [l["digest"] for l in m["layers"]]
    found = {}
    for l in m["layers"]:
        s = json.loads(get(l))
        assert l["mediaType"] == "application/vnd.in-toto+json" and s["_type"] == "https://in-toto.io/Statement/v1"
        assert l["annotations"] == {"in-toto.io/predicate-type": s["predicateType"]}
        assert s["subject"][0]["digest"]["sha256"] == image["digest"][7:]
        found[s["predicateType"]] = s
    return found
a = statements("a.tar")
assert a["https://spdx.dev/Document"]["subject"][0]["name"].startswith("pkg:docker/reg.example/app@1?platform=linux%2F")
assert [p["name"] for p in a["https://spdx.dev/Document"]["predicate"]["packages"]] == ["reg.example/app:1", "tool"]
p = a["https://slsa.dev/provenance/v1"]["predicate"]
d, r = p["buildDefinition"], p["runDetails"]
assert d["externalParameters"]["request"]["args"]["build-arg:VERSION"] == "arg-canary"
assert d["externalParameters"]["request"]["secrets"] == [{"id": "token"}]
steps = d["internalParameters"]["buildConfig"]["cbuildSteps"]
assert len(steps) == 4 and steps[2]["instruction"].startswith("RUN --mount"), steps
assert r["metadata"]["startedOn"] == "2023-11-14T22:13:20Z" and r["metadata"]["buildkit_metadata"]["source"]["infos"][0]["data"]
assert "secret-canary" not in json.dumps(a)
low = statements("min.tar")
p = low["https://slsa.dev/provenance/v1"]["predicate"]
assert p["runDetails"]["builder"]["id"] == "https://ci.example/1"
assert p["runDetails"]["metadata"]["buildkit_completeness"] == {"request": False, "resolvedDependencies": False}
assert low["https://cyclonedx.org/bom"]["subject"][0]["name"] == "_"
for word in "secret-canary", "arg-canary", "label-canary", '"token"', "cbuildSteps", "infos":
    assert word not in json.dumps(p), word
assert list(statements("both.tar")) == ["https://spdx.dev/Document"]
assert "index.json" in tarfile.open("docker.tar").getnames()
X
}

t_attestations_are_pushed() {
    only root
    [ -n "${E2E_REGISTRY:-}" ] || die "no docker-registry: ./check starts one"
    repo=$E2E_REGISTRY/root/attest$$
    said --provenance true --push -t "$repo:1" --metadata-file m.json
    skopeo inspect --raw --tls-verify=false "docker://$repo:1" >index.json
    same "$(sha256sum <index.json | cut -c1-64)" "$(jq -r '.["containerimage.digest"]' m.json | cut -d: -f2)"
    same "$(jq -r '.["buildx.build.provenance"].buildDefinition.externalParameters.configSource.path' m.json)" Dockerfile
    printf 'FROM %s\nLABEL a=b\n' "$repo:1" >c/Dockerfile
    cbuild pull -q "$repo:1" >/dev/null
    cbuild --provenance=mode=min -o type=oci,dest=next.tar --metadata-file m.json c 2>log
    python3 - "$repo" <<'X'
import json, sys
p = json.load(open("m.json"))["buildx.build.provenance"]
uri, digest = [(m["uri"], m["digest"]["sha256"]) for m in p["buildDefinition"]["resolvedDependencies"]][0]
assert uri.startswith("pkg:docker/" + sys.argv[1] + "@1?platform=linux%2F"), uri
import hashlib
assert digest == hashlib.sha256(open("index.json", "rb").read()).hexdigest()
assert p["runDetails"]["metadata"]["buildkit_hermetic"] and p["runDetails"]["metadata"]["buildkit_completeness"]["resolvedDependencies"]
X
}

t_attestations_that_nothing_can_hold() {
    only root
    context c </dev/null
    fails 2 cbuild --sbom true c
    has "$out" "--sbom: no output can hold it"
    fails 2 cbuild --provenance=true -o type=docker,dest=a.tar c
    has "$out" "--provenance: no output can hold it"
    fails 2 cbuild --sbom=generator=scanner:1 --push -t a.example/b c
    has "$out" "packages are found by cbuild itself"
    fails 2 cbuild --provenance=version=v0.2 --push -t a.example/b c
    fails 2 cbuild --attest mode=max --push -t a.example/b c
    has "$out" "type= is missing"
    fails 2 cbuild --attest type=sbom,mode=max --push -t a.example/b c
    has "$out" "unexpected key 'mode'"
}

t_policies_decide_what_is_taken() {
    only root
    layout l good
    printf 'FROM base\nADD http://127.0.0.1:1/f /\n' >Dockerfile
    cat >p.json <<X
{"rules": [{"action": "DENY", "selector": {"identifier": "*"}},
 {"action": "ALLOW", "selector": {"identifier": "oci-layout://*"}}]}
X
    fails 1 cbuild --policy p.json --build-context base=oci-layout://l .
    has "$out" "'http://127.0.0.1:1/f' is denied by rule 1 of 'p.json' (DENY *)"
    has "$out" "Dockerfile:2"
    fails 1 env EXPERIMENTAL_BUILDKIT_SOURCE_POLICY=p.json "$CBUILD" .
    has "$out" "'docker-image://docker.io/library/base:latest' is denied by rule 1"
    has "$out" "Dockerfile:1"
    fails 1 cbuild --source-policy-file p.json "https://user:word@127.0.0.1:1/r.git#main:d"
    has "$out" "'git://127.0.0.1:1/r.git#main:d' is denied by rule 1"
    printf 'FROM base\n' >Dockerfile
    cbuild -q --build-context base=oci-layout://l -t here.example/mirror:1 . >/dev/null
    cat >p.json <<X
{"rules": [{"action": "CONVERT", "selector": {"identifier": "docker-image://docker.io/library/*:*"},
 "updates": {"identifier": "docker-image://here.example/mirror:1"}}]}
X
    cbuild --policy p.json . 2>log
    has "$(cat log)" "the source policy has 'docker.io/library/base:latest' taken from 'here.example/mirror:1'"
    fails 2 cbuild --policy reset=true .
    has "$out" "policies in Rego are not read"
    fails 2 cbuild --policy Dockerfile .
}

t_policies_check_files() {
    only root
    mkdir web
    echo file >web/f
    python3 "$E2E_HERE/serve.py" "$PWD/web" port &
    server=$!
    trap 'kill $server' EXIT
    wait_for 10 test -s port
    url=http://127.0.0.1:$(cat port)/f
    printf 'FROM scratch\nADD http://127.0.0.1:1/other /f\n' >Dockerfile
    policy() { # policy DIGEST
        printf '{"rules": [{"action": "CONVERT", "selector": {"identifier": "http://127.0.0.1:1/other"}, "updates": ' >p.json
        printf '{"identifier": "%s", "attrs": {"http.checksum": "sha256:%s"}}}]}' "$url" "$1" >>p.json
    }
    policy "$(sha256sum <web/f | cut -c1-64)"
    cbuild --policy p.json . 2>log
    has "$(cat log)" "and its digest checked"
    policy "$(sha256sum <Dockerfile | cut -c1-64)"
    fails 1 cbuild --policy p.json .
    has "$out" "has the digest sha256:$(sha256sum <web/f | cut -c1-64), not sha256:"
}

t_what_is_pushed_is_signed() {
    only root
    [ -n "${E2E_REGISTRY:-}" ] || die "no docker-registry: ./check starts one"
    repo=$E2E_REGISTRY/root/sign$$
    printf 'FROM scratch\nCOPY Dockerfile /\n' >Dockerfile
    fails 2 cbuild --sign true .
    has "$out" "nothing is pushed"
    fails 1 env PATH=/nonexistent "$CBUILD" --sign true --push -t "$repo:1" .
    has "$out" "'cosign' is not installed"
    mkdir bin
    # shellcheck disable=SC2016 # it is for the program
    printf '#!/bin/sh\necho "$@" >>said\n[ ! -e broken ] || { echo no key >&2; exit 3; }\n' >bin/cosign
    chmod +x bin/cosign
    PATH=$PWD/bin:$PATH
    cbuild --sign key=k.pem --push -t "$repo:1" -t "$repo:2" --metadata-file m.json . 2>log
    same "$(cat said)" "sign --yes --key k.pem $repo@$(jq -r '.["containerimage.digest"]' m.json)"
    has "$(cat log)" "signed $repo@sha256:"
    touch broken
    fails 1 cbuild --sign true --push -t "$repo:1" .
    has "$out" "cosign could not sign '$repo@sha256:"
    has "$out" "(status 3): no key"
}
