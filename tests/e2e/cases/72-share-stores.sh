# Shared caches in object stores: a bucket of a real S3 server, and the cache service of GitHub Actions as tests/tools has it.
export CBUILD_RETRY_DELAY_MS=1
servers=
stop() {
    for pid in $servers; do
        kill "$pid" 2>/dev/null || true
    done
}
# server DIR PROGRAM…: its address is in $url; DIR/mode tells it what to do
server() {
    dir=$1
    shift
    mkdir -p "$dir"
    "$@" "$PWD/$dir" >"$dir/log" 2>&1 &
    servers="$servers $!"
    trap stop EXIT
    wait_for 30 test -s "$dir/port"
    url=http://127.0.0.1:$(cat "$dir/port")
}
s3() {
    only root
    [ -n "${TEST_NPM:-}" ] || skip "node is too old for the S3 server"
    server bucket node "$E2E_HERE/../tools/s3/server.js" "$TEST_NPM"
    export AWS_ACCESS_KEY_ID=S3RVER AWS_SECRET_ACCESS_KEY=S3RVER
    cache=type=s3,bucket=cache,prefix=ci/,endpoint_url=$url
}
gha() {
    only root
    server actions python3 "$E2E_HERE/../tools/fakeactions.py"
    export ACTIONS_RESULTS_URL="$url/" ACTIONS_RUNTIME_TOKEN=runner-token
    cache=type=gha,scope=main
}
example() {
    context c <<X
${base}RUN echo made >/made
FROM scratch
COPY --from=0 /made /
COPY file /
X
    echo one >c/file
}
elsewhere() { # a build on another machine
    rm -rf "$CBUILD_ROOT"
}
warnings() {
    grep -c '^warning:' log || true
}

# Made here, taken there, and the image is the same; layers come when an output needs them.
works() {
    example
    cbuild --cache-from "$cache" --cache-to "$cache,mode=max" --iidfile id1 c 2>log
    has "$(cat log)" "0 taken, 5 put"
    same "$(warnings)" 0
    elsewhere
    cbuild --cache-from "$cache" --cache-to "$cache" --iidfile id2 c 2>log
    has "$(cat log)" "0 steps run, 2 cached"
    has "$(cat log)" "2 taken, 0 put"
    same "$(warnings)" 0
    same "$(cat id2)" "$(cat id1)"
    rootfs --cache-from "$cache" c
    same "$(cat root/made root/file)" "made
one"
    has "$(cat build.log)" "0 steps run"
    # Nobody finds secrets in the store, not even with the places of layers.
    ! grep -rlE 'runner-token|S3RVER' "$CBUILD_ROOT" || die "a secret is in the store"
}
# A cache mount that one machine has filled is there on another.
mounts_travel() {
    context m <<X
${base}ARG N
RUN --mount=type=cache,id=log,target=/log echo \$N >>/log/lines && cp /log/lines /lines
X
    cbuild --build-arg N=1 --cache-to "$cache,cache-mounts=all" m 2>log
    same "$(warnings)" 0
    elsewhere
    rootfs --build-arg N=2 --cache-from "$cache,cache-mounts=log" m
    same "$(tr '\n' ' ' <root/lines)" "1 2 "
}
# warned WHAT: a build on a new machine succeeds, and says so once
warned() {
    elsewhere
    cbuild --cache-from "$cache" --cache-to "$cache" c 2>log
    has "$(cat log)" "$1"
    hasnt "$(cat log)" runner-token
    same "$(warnings)" 1
}

t_s3() {
    s3
    works
    mounts_travel
    # What somebody has damaged is noticed, and made anew.
    for object in bucket/data/cache/ci/blobs/*._S3rver_object; do
        head -c "$(stat -c %s "$object")" /dev/zero >"$object"
    done
    elsewhere
    rootfs --cache-from "$cache" c
    same "$(cat root/made root/file)" "made
one"
    cache=$cache,prefix=other/
    echo full >bucket/mode
    warned "507 XMinioStorageFull"
    echo down >bucket/mode
    warned "500 InternalError"
    rm bucket/mode
    export AWS_SECRET_ACCESS_KEY=WRONG
    warned "403 SignatureDoesNotMatch"
    stop
    warned "Failed to connect"
}

t_gha() {
    gha
    works
    mounts_travel
    echo expired broken >actions/mode
    elsewhere
    rootfs --cache-from "$cache" c
    same "$(cat root/made root/file)" "made
one"
    has "$(cat build.log)" "0 steps run"
    cache=type=gha,scope=other
    echo readonly >actions/mode
    warned "workflows of pull requests from forks may only read"
    echo denied >actions/mode
    warned "401 unauthenticated"
    echo down >actions/mode
    warned "500"
    echo stuck busy >actions/mode
    cbuild --cache-to "$cache" --no-cache c 2>log
    has "$(cat log)" "2 put"
    unset ACTIONS_RUNTIME_TOKEN
    warned "the cache service of GitHub Actions: its token is not known here"
}

# buildah's words for a repository.
t_bare_names() {
    only root
    [ -n "${E2E_REGISTRY:-}" ] || die "no docker-registry: ./check starts one"
    example
    repo=$E2E_REGISTRY/bare$$
    cbuild bud --layers --cache-to "$repo/a,$repo/b" c 2>log
    has "$(cat log)" "2 put"
    elsewhere
    cbuild bud --layers --cache-from "$repo/none,$repo/b" --cache-ttl 1h c 2>log
    has "$(cat log)" "0 steps run, 2 cached"
    elsewhere
    cbuild bud --layers --cache-from "$repo/a" --cache-ttl 0s c 2>log
    has "$(cat log)" "5 steps run"
    same "$(warnings)" 0
    cache=type=registry,ref=$repo/mounts
    mounts_travel
}

# Records in the config of an image, whose layers are those of the steps.
t_inline() {
    only root
    [ -n "${E2E_REGISTRY:-}" ] || die "no docker-registry: ./check starts one"
    example
    image=$E2E_REGISTRY/inline$$
    cbuild --cache-from "$image:1" -t "$image:1" --push --cache-to type=inline --iidfile id1 c 2>log
    same "$(warnings)" 0
    cbuild --no-cache --build-arg BUILDKIT_INLINE_CACHE=1 --iidfile id2 c 2>log
    same "$(cat id2)" "$(cat id1)" # the other word for it, and a build that executes all of it
    cbuild --iidfile id3 c 2>log
    [ "$(cat id3)" != "$(cat id1)" ] || die "nothing is in the image"
    skopeo copy -q --src-tls-verify=false "docker://$image:1" oci:layout
    for from in "$image:1" "type=registry,ref=$image:1" "type=inline,ref=$image:1"; do
        elsewhere
        cbuild --cache-from "$from" --cache-to type=inline --iidfile id2 c 2>log
        has "$(cat log)" "0 steps run, 2 cached"
        same "$(cat id2)" "$(cat id1)"
        same "$(warnings)" 0
    done
    elsewhere
    echo two >c/file
    rootfs --cache-from "$image:1" c
    has "$(cat build.log)" "1 step run, 1 cached"
    same "$(cat root/made root/file)" "made
two"
    # What its config says of layers that are others is found out.
    echo one >c/file
    for change in "c[0]['number'], c[1]['number'] = 1, 0" "c[0]['layer'] = c[1]['layer'] = 64 * 'f'"; do
        oci change layout "c = config['cbuild.cache.v1']; $change"
        skopeo copy -q --dest-tls-verify=false oci:layout "docker://$image:lie"
        elsewhere
        rootfs --cache-from "type=inline,ref=$image:lie" c
        has "$(cat build.log)" "5 steps run"
        same "$(cat root/made root/file)" "made
one"
    done
    elsewhere
    cbuild --cache-from "type=inline,ref=$image:none" c 2>log
    same "$(warnings)" 0
}
