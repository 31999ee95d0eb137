# `cbuild kaniko`: the command lines of kaniko's executor, with the real registry on loopback.
# shellcheck source-path=SCRIPTDIR source=../remote.sh
. "$E2E_HERE/remote.sh"

registry() {
    [ -n "${E2E_REGISTRY:-}" ] || die "no docker-registry: ./check starts one"
    repo=$E2E_REGISTRY/$E2E_USER/$(basename "$CASE_DIR" | tr -c 'a-z0-9\n' -)$$
}
app() { # a context in ./c
    mkdir -p c/sub
    printf 'FROM scratch AS one\nARG A\nLABEL a=$A\nCOPY file /\nFROM one\nCOPY file /again\n' >c/Dockerfile
    echo text >c/file
    printf 'FROM scratch\nCOPY below /\n' >c/sub/Dockerfile
    echo below >c/sub/below
}
in_layout() { # in_layout FILE: of the first layer of ./layout
    tar -xzOf "layout/blobs/sha256/$(oci manifest layout | jq -r '.layers[0].digest' | cut -d: -f2)" "$1"
}
digest_of() { # digest_of NAME: as the registry says
    skopeo inspect --tls-verify=false "docker://$1" | jq -r .Digest
}

t_pushes() {
    registry
    app
    A='env' cbuild kaniko --context "dir://$PWD/c" --dockerfile=Dockerfile --destination "$repo:1" -d "$repo-other:2" \
        --build-arg A --label own=l --annotation note=n --cache=true --snapshot-mode=redo --use-new-run --cleanup --force \
        --verbosity=debug --log-format=text --push-retry 3 --insecure --skip-tls-verify-registry "$E2E_REGISTRY" \
        --digest-file dg --image-name-with-digest-file names --image-name-tag-with-digest-file tags 2>log
    digest=$(digest_of "$repo:1")
    same "$(digest_of "$repo-other:2")" "$digest"
    same "$(cat dg)" "$digest"
    same "$(cat names)" "$repo@$digest
$repo-other@$digest"
    same "$(cat tags)" "$repo:1@$digest
$repo-other:2@$digest"
    same "$(skopeo inspect --config --tls-verify=false "docker://$repo:1" | jq -c .config.Labels)" '{"a":"env","own":"l"}'
    has "$(skopeo inspect --raw --tls-verify=false "docker://$repo:1")" '"note": "n"'
    cbuild kaniko -c c -d "$repo:docker" --target one --image-format docker --compression gzip --compression-level 1 2>log
    has "$(skopeo inspect --raw --tls-verify=false "docker://$repo:docker")" distribution.manifest.v2
    same "$(skopeo inspect --tls-verify=false "docker://$repo:docker" | jq '.Layers | length')" 1
    same "$(cbuild images -q | wc -l)" 0
}

t_contexts() {
    app
    serve
    repository app
    cp c/file c/Dockerfile app
    push app
    git -C app checkout -q -b other
    echo other >app/file
    push app other
    tar -czf c.tar.gz -C c .
    ln -s "$CBUILD" executor
    for context in c "dir://$PWD/c" "tar://$PWD/c.tar.gz" "git://${url#http://}/git/app.git#refs/heads/trunk"; do
        GIT_PULL_METHOD=http ./executor --context "$context" --no-push --tar-path app.tar --destination app:1 2>log
        mkdir -p layers
        tar -xf app.tar -C layers
        has "$(tar -xzOf "layers/$(jq -r '.[0].Layers[0]' layers/manifest.json)")" text
        same "$(jq -r '.[0].RepoTags[0]' layers/manifest.json)" app:1
        rm -r layers
    done
    commit=$(git -C app rev-parse other)
    for more in "#refs/heads/trunk#$commit" "#other" " --git branch=other,single-branch=true"; do
        # shellcheck disable=SC2086 # words
        GIT_PULL_METHOD=http cbuild kaniko --no-push --oci-layout-path layout --context git://${url#http://}/git/app.git$more 2>log
        has "$(in_layout file)" other
    done
    for context in c tar://c.tar.gz; do
        rm -r layout
        cbuild kaniko --context "$context" --context-sub-path sub --no-push --oci-layout-path layout 2>log
        has "$(in_layout below)" below
    done
    cbuild kaniko --context tar://stdin --context-sub-path sub --no-push --digest-file dg <c.tar.gz 2>log
    has "$(cat dg)" sha256:
    for out_of in .. ../c sub/../..; do
        fails 2 cbuild kaniko --no-push --context c --context-sub-path=$out_of
        has "$out" "'$out_of' leads out of the build context"
    done
    fails 1 cbuild kaniko --no-push --context git://me:pass@/path
    has "$out" "/path' is not the URL of a git repository"
    hasnt "$out" pass
    mkdir t && printf 'FROM scratch\nCOPY . /\n' >t/Dockerfile && touch t/kept t/left && ln -s /etc/hostname t/link
    echo left >t/.dockerignore
    tar -cf t.tar -C t .
    cbuild kaniko --no-push --context tar://t.tar --tar-path t2.tar -d t:1 2>log
    tar -xf t2.tar manifest.json && tar -xOf t2.tar "$(jq -r '.[0].Layers[0]' manifest.json)" | tar -tz >names
    has "$(cat names)" kept
    hasnt "$(cat names)" left
    cbuild -o type=tar,dest=t3.tar - <t.tar 2>log # not so for a build: BuildKit does not read it there
    has "$(tar -tf t3.tar)" left
    ln -sf "$PWD/c/file" t/.dockerignore # text: a link out of the archive leads nowhere
    tar -cf t.tar -C t .
    cbuild kaniko --no-push --context tar://t.tar 2>log
    fails 1 cbuild kaniko --no-push --context tar://nothing
    fails 2 cbuild kaniko --no-push --context s3://bucket/c.tar.gz
    has "$out" "--context tar://stdin"
    fails 1 cbuild kaniko --no-push
    has "$out" /workspace
}

# A base image by way of a mirror, and of nobody else.
t_mirrors() {
    registry
    app
    cbuild kaniko -c c -d "$E2E_REGISTRY/$E2E_USER$$/library/thing:1" 2>log
    printf 'FROM thing:1\nCOPY file /three\n' >c/Dockerfile
    cbuild kaniko -c c --no-push --registry-mirror "$E2E_REGISTRY/$E2E_USER$$" --skip-default-registry-fallback 2>log
    printf 'FROM quay.example/library/thing:1\nCOPY file /three\n' >c/Dockerfile
    cbuild kaniko -c c --no-push --registry-map "other.example=x.example;quay.example=$E2E_REGISTRY/$E2E_USER$$" 2>log
    printf 'FROM nothing:1\nCOPY file /three\n' >c/Dockerfile
    fails 1 env KANIKO_REGISTRY_MIRROR="$E2E_REGISTRY/$E2E_USER$$" "$CBUILD" kaniko -c c --no-push --skip-default-registry-fallback
    has "$out" "$E2E_REGISTRY"
    hasnt "$out" docker.io/v2
    fails 2 cbuild kaniko -c c --no-push --registry-mirror https://mirror.example
}

# What kaniko's image has at its place: the credentials of a pipeline.
t_credentials() {
    mkdir auth kaniko kaniko/.docker
    perl -e 'print "user:", crypt("secret", q($2y$05$abcdefghijklmnopqrstuu)), "\n"' >auth/htpasswd
    REGISTRY_HTPASSWD=$PWD/auth/htpasswd "$E2E_HERE/../tools/registry" start "$PWD/reg" >addr
    trap '"$E2E_HERE/../tools/registry" stop "$PWD/reg"' EXIT
    app
    printf '{"auths": {"%s": {"auth": "%s"}}}' "$(cat addr)" "$(printf user:secret | base64)" >kaniko/.docker/config.json
    fails 1 cbuild kaniko -c c -d "$(cat addr)/app:1"
    KANIKO_DIR=$PWD/kaniko cbuild kaniko -c c -d "$(cat addr)/app:1" 2>log
    cbuild kaniko --kaniko-dir "$PWD/kaniko" -c c -d "$(cat addr)/app:2" 2>log
}

# A registry that takes every blob and lets nobody move a tag.
t_immutable_tags() {
    app
    cat >registry.py <<'X'
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def answer(self, status, body=b""):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Location", "/v2/app/blobs/uploads/1")
        self.end_headers()
        self.wfile.write(body)
    def do_GET(self): self.answer(200)
    def do_HEAD(self): self.answer(404)
    def do_POST(self): self.answer(202)
    def do_PUT(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        if "/manifests/" not in self.path:
            return self.answer(201)
        self.answer(400, b'{"errors":[{"code":"TAG_INVALID","message":"The image tag \'1\' already exists in the repository and cannot be overwritten because the repository is immutable."}]}')
    def log_message(self, *args): pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print("127.0.0.1:%d" % server.server_port, flush=True)
server.serve_forever()
X
    python3 registry.py >address &
    pid=$!
    trap 'kill $pid' EXIT
    wait_for 20 grep -q : address
    fails 1 cbuild kaniko -c c -d "$(cat address)/app:1"
    has "$out" immutable
    cbuild kaniko -c c -d "$(cat address)/app:1" --push-ignore-immutable-tag-errors --digest-file dg 2>log || die "$(cat log)"
    has "$(cat log)" "stays as it is"
    has "$(cat dg)" sha256:
}

t_refused() {
    app
    fails 2 cbuild kaniko -c c
    has "$out" "no --destination"
    fails 2 cbuild kaniko -c c --no-push --image-name-with-digest-file names
    for option in --ignore-path=/x --bucket=b --materialize --log-timestamp; do
        fails 2 cbuild kaniko -c c --no-push $option
        has "$out" "cannot be honoured: "
    done
    for option in "--cache --cache-ttl=6h" --ignore-var-run --skip-unused-stages=false --use-new-run; do
        # shellcheck disable=SC2086 # words
        cbuild kaniko -c c --no-push $option 2>log || die "$(cat log)"
    done
    cbuild kaniko -c c --no-push --cache-ttl=0s 2>&1 | grep CACHED && die "something is not too old"
    has "$(cbuild kaniko -c c --no-push --dryrun 2>&1)" "would run"
    KANIKO_NO_PUSH=true cbuild kaniko -c c --reproducible=false --single-snapshot=false --skip-unused-stages --ignore-var-run=false 2>log
    fails 2 cbuild kaniko -c c --no-pusch
    has "$out" "did you mean --no-push?"
    ln -s "$CBUILD" executor
    has "$(./executor version)" cbuild
    has "$(cbuild kaniko version)" cbuild
    fails 2 cbuild kaniko c
    has "$out" "--context"
    has "$(./executor --help)" --oci-layout-path
}

elsewhere() { # the next build is on another machine
    rm -rf "$CBUILD_ROOT"
}
t_cache_repository() {
    only root
    registry
    app
    # kaniko caches when it is told to, and then beside the destination.
    cbuild kaniko -c c -d "$repo/app:1" 2>log
    hasnt "$(cat log)" shared
    cbuild kaniko -c c -d "$repo/app:1" --cache 2>log
    has "$(cat log)" "0 taken, 2 put"
    elsewhere
    cbuild kaniko -c c -d "$repo/app:2" --cache=true --no-push-cache 2>log
    has "$(cat log)" "0 steps run, 2 cached"
    same "$(digest_of "$repo/app:2")" "$(digest_of "$repo/app:1")"
    echo other >c/file
    cbuild kaniko -c c -d "$repo/app:2" --cache=true --no-push-cache 2>log
    has "$(cat log)" "2 steps run"
    for at in "$repo-c" "oci:$PWD/layout-c"; do
        elsewhere
        cbuild kaniko -c c --no-push --cache --cache-repo "$at" 2>log
        has "$(cat log)" "0 taken, 2 put"
        elsewhere
        cbuild kaniko -c c --no-push --cache --cache-repo "$at" 2>log
        has "$(cat log)" "0 steps run, 2 cached"
        elsewhere
        cbuild kaniko -c c --no-push --cache --cache-repo "$at" --cache-ttl=0s 2>log
        has "$(cat log)" "2 steps run"
    done
    # Without a place for it, the store is the cache.
    cbuild kaniko -c c --no-push --cache 2>log
    fails 2 cbuild kaniko -c c --no-push --cache --cache-repo 'No Name'
    has "$out" "--cache-repo"
}
