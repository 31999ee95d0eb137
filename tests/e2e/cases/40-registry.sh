# Push and pull with the real registry on loopback, and with one that misbehaves.

registry() {
    [ -n "${E2E_REGISTRY:-}" ] || die "no docker-registry: ./check starts one"
    repo=$E2E_REGISTRY/$E2E_USER/$(basename "$CASE_DIR" | tr -c 'a-z0-9\n' -)$$
}
app() { # a small image's context
    context c <<X
${base}RUN echo app > /app
ENV X=1
CMD ["cat", "/app"]
X
}
digests() { # of the layers of a repository's image
    skopeo inspect --tls-verify=false "docker://$1" | jq -r '.Layers[]'
}
forget_blobs() { # forget_blobs ARCHIVE: removes its layers' packed forms from the store
    oci manifest "$1" | jq -r '.layers[].digest' | while IFS=: read -r _ hex; do rm "$CBUILD_ROOT/blobs/sha256/$hex"; done
}
fake() { # starts fakeregistry.py: $fake is its address
    mkfifo fake.in
    python3 "$E2E_HERE/../tools/fakeregistry.py" <fake.in >fake.out &
    exec 8>fake.in
    wait_for 10 test -s fake.out
    fake=127.0.0.1:$(cat fake.out)
}
config() { # registries.conf from standard input
    cat >registries.conf
    CONTAINERS_REGISTRIES_CONF=$PWD/registries.conf
    export CONTAINERS_REGISTRIES_CONF
}

t_push_and_pull() {
    registry
    app
    cbuild -t "$repo:1" --push --metadata-file m.json c 2>log
    same "$(skopeo inspect --tls-verify=false "docker://$repo:1" | jq -r .Digest)" "$(jq -r '.["containerimage.digest"]' m.json)"
    same "$(skopeo inspect --config --tls-verify=false "docker://$repo:1" | jq -r '.config.Cmd[0]')" cat
    CBUILD_ROOT=$CASE_DIR/store2
    cbuild pull "$repo:1" >pulled
    has "$(cat pulled)" "@sha256:"
    printf 'FROM %s\nRUN cat /app > /copy\n' "$repo:1" >c/Dockerfile
    rootfs c
    same "$(cat root/copy)" app
    cbuild cache reset --force >/dev/null
}

# The base's layers are mounted from its repository; for another registry they come here, but are not unpacked.
t_push_takes_the_base_from_its_registry() {
    registry
    app
    cbuild -t "$repo:1" --push c 2>/dev/null
    "$E2E_HERE/../tools/registry" start "$PWD/reg" >addr
    trap '"$E2E_HERE/../tools/registry" stop "$PWD/reg" || :' EXIT
    CBUILD_ROOT=$CASE_DIR/store2
    printf 'FROM %s\nLABEL a=b\n' "$repo:1" >c/Dockerfile
    cbuild -t "$repo-mounted:1" --push c 2>/dev/null
    digests "$repo:1" >want
    digests "$repo-mounted:1" | diff want -
    while IFS=: read -r _ hex; do [ ! -e "$CBUILD_ROOT/blobs/sha256/$hex" ] || die "$hex came here"; done <want
    cbuild -t "$(cat addr)/app:1" --push c 2>/dev/null
    digests "$(cat addr)/app:1" | diff want -
    same "$(ls "$CBUILD_ROOT/layers" 2>/dev/null)" ""
    # Out of reach: what a step here has made is packed anew.
    CBUILD_ROOT=$CASE_DIR/store
    printf 'FROM %s/app:1\nRUN true > /x\n' "$(cat addr)" >c/Dockerfile
    cbuild -t two c 2>/dev/null
    while IFS=: read -r _ hex; do rm "$CBUILD_ROOT/blobs/sha256/$hex"; done <want
    "$E2E_HERE/../tools/registry" stop "$PWD/reg"
    wait_for 10 sh -c '! kill -0 "$(cat reg/registry/pid)" 2>/dev/null'
    cbuild -t "$repo-anew:1" --push c 2>log
    has "$(cat log)" "its layers are packed anew"
    same "$(digests "$repo-anew:1" | wc -l)" $(($(wc -l <want) + 1))
    cbuild cache reset --force >/dev/null
}

# The registry is out of reach afterwards: what was not fetched is missed.
t_all_images_of_one_pull_are_whole() {
    registry
    app
    cbuild -t "$repo:1" --push c 2>/dev/null
    printf 'FROM %s\nRUN echo two > /two\n' "$repo:1" >c/Dockerfile
    cbuild -t "$repo:2" --push c 2>/dev/null
    printf 'FROM %s\nRUN echo three > /three\n' "$repo:1" >c/Dockerfile
    cbuild -t "$repo:3" --push c 2>/dev/null
    CBUILD_ROOT=$CASE_DIR/store2
    cbuild pull "$repo:1" "$repo:2" "$repo:3" >pulled
    same "$(wc -l <pulled)" 3
    config <<X
[[registry]]
location = "$E2E_REGISTRY"
blocked = true
X
    for n in 2 3; do
        printf 'FROM %s\nRUN cat /app /t* > /copy\n' "$repo:$n" >c/Dockerfile
        rootfs --pull=never c
    done
    has "$(cat root/copy)" three
    cbuild cache reset --force >/dev/null
}

# They are shown as steps are: with a number, bars on a terminal, and their end.
t_push_and_pull_show_themselves() {
    registry
    app
    head -c 20000000 /dev/urandom >c/data
    echo 'COPY data /' >>c/Dockerfile
    cbuild -t "$repo:1" c 2>/dev/null
    on_terminal 100x24 push "$repo:1"
    same "$status" 0
    has "$(cat shown)" "✓ push $repo:1"
    has "$(cat frames)" "> push $repo:1"
    grep -q '\[=*> *\] .* / 2.*MB' frames || die "no bar: $(cat frames)"
    CBUILD_ROOT=$CASE_DIR/store2
    on_terminal 100x24 pull "$repo:1"
    has "$(cat shown)" "✓ pull $repo:1"
    CBUILD_ROOT=$CASE_DIR/store4 cbuild pull --progress=plain "$repo:1" 2>log >/dev/null
    grep -q '^#2 downloading [0-9a-f]\{12\} 20\.0 MB' log || die "no line of a layer: $(cat log)"
    CBUILD_ROOT=$CASE_DIR/store2
    grep -q '\[=*> *\] .* / 2.*MB' frames || die "no bar: $(cat frames)"
    cbuild push "$repo:1" "$repo:2" 2>log
    has "$(cat log)" "#1 push $repo:2"
    has "$(cat log)" "#1 DONE "
    printf 'FROM %s\nCOPY data /x/\n' "$repo:1" >c/Dockerfile
    CBUILD_ROOT=$CASE_DIR/store3
    cbuild --progress=rawjson -t "$repo:3" --push c 2>raw
    has "$(jq -r '.vertexes[]? | select(.completed).name' raw)" "resolve $repo:1"
    has "$(jq -r '.vertexes[]? | select(.completed).name' raw)" "push $repo:3"
    same "$(jq -r '.vertexes[]? | select(.completed) | .digest' raw | sort)" "$(jq -r '.vertexes[]? | .digest' raw | sort -u)"
    same "$(jq -r '.statuses[]? | select(.vertex == null)' raw)" ""
}

t_second_push_uploads_nothing() {
    registry
    app
    cbuild -t "$repo:1" --push c 2>/dev/null
    cbuild -t "$repo:2" --push c 2>log
    hasnt "$(cat log)" "rror"
    same "$(digests "$repo:1")" "$(digests "$repo:2")"
    cbuild push "$repo:1" "$repo:3" >out
    has "$(cat out)" "$repo:3@sha256:"
}

t_layers_of_the_base_stay_as_they_were() {
    registry
    app
    cbuild -o type=oci,dest=base.tar,compression=zstd,compression-level=19 c 2>/dev/null
    skopeo copy -q --preserve-digests --dest-tls-verify=false oci-archive:base.tar "docker://$repo-base:1"
    digests "$repo-base:1" >base.digests
    CBUILD_ROOT=$CASE_DIR/store2
    printf 'FROM %s\nRUN echo more > /more\n' "$repo-base:1" >c/Dockerfile
    cbuild -t "$repo:1" --push c 2>log
    digests "$repo:1" >app.digests
    same "$(head -n 3 app.digests)" "$(cat base.digests)"
    same "$(wc -l <app.digests)" 4
    cbuild cache reset --force >/dev/null
}

t_a_pulled_image_is_pushed_as_it_came() {
    registry
    app
    cbuild -o type=oci,dest=a.tar,compression-level=1 --annotation k=v c 2>/dev/null
    skopeo copy -q --preserve-digests --dest-tls-verify=false oci-archive:a.tar "docker://$repo:oci"
    skopeo copy -q --format v2s2 --dest-tls-verify=false oci-archive:a.tar "docker://$repo:docker"
    for kind in oci docker; do
        forget_blobs a.tar # the store still has the files
        cbuild pull "$repo:$kind" >/dev/null
        cbuild tag "$repo:$kind" "$repo-copy:$kind"
        cbuild push "$repo-copy:$kind" >/dev/null 2>&1
        same "$(skopeo inspect --raw --tls-verify=false "docker://$repo-copy:$kind" | sha256sum)" \
            "$(skopeo inspect --raw --tls-verify=false "docker://$repo:$kind" | sha256sum)"
    done
}

t_layers_of_the_base_that_the_store_packed_itself() {
    registry
    app
    cbuild -o type=oci,dest=base.tar,compression-level=1 c 2>/dev/null
    skopeo copy -q --preserve-digests --dest-tls-verify=false oci-archive:base.tar "docker://$repo-base:1"
    forget_blobs base.tar
    printf 'FROM %s\nRUN echo more > /more\n' "$repo-base:1" >c/Dockerfile
    cbuild -t "$repo:1" --push c 2>log
    same "$(digests "$repo:1" | head -n 3)" "$(digests "$repo-base:1")"
    cbuild -t "$repo:2" -o type=registry,compression=zstd,force-compression=true c 2>log
    same "$(skopeo inspect --raw --tls-verify=false "docker://$repo:2" | jq -r '.layers[].mediaType' | sort -u)" \
        application/vnd.oci.image.layer.v1.tar+zstd
}

t_layers_that_are_where_the_base_came_from() {
    registry
    app
    cbuild -t "$repo-base:1" --push c 2>/dev/null
    CBUILD_ROOT=$CASE_DIR/store2
    printf 'FROM %s\nLABEL a=b\n' "$repo-base:1" >c/Dockerfile
    cbuild -t mine:1 c 2>/dev/null # nothing of the base is needed for that
    printf 'FROM mine:1\nRUN cat /app > /copy\n' >c/Dockerfile
    rootfs c
    same "$(cat root/copy)" app
    cbuild cache reset --force >/dev/null
    printf 'FROM %s\nLABEL a=c\n' "$repo-base:1" >c/Dockerfile
    cbuild -t mine:1 c 2>/dev/null
    cbuild push mine:1 "$repo:1" >/dev/null 2>&1
    same "$(digests "$repo:1")" "$(digests "$repo-base:1")"
    cbuild cache reset --force >/dev/null
}

t_foreign_images() {
    registry
    app
    cbuild -o type=oci,dest=a.tar c 2>/dev/null
    skopeo copy -q --format v2s2 --dest-tls-verify=false oci-archive:a.tar "docker://$repo:docker"
    CBUILD_ROOT=$CASE_DIR/store2
    printf 'FROM %s\nRUN test "$(cat /app)" = app && test $X = 1\n' "$repo:docker" >c/Dockerfile
    cbuild c 2>log
    digest=$(skopeo inspect --tls-verify=false "docker://$repo:docker" | jq -r .Digest)
    printf 'FROM %s@%s\nRUN test -e /app\n' "$repo" "$digest" >c/Dockerfile
    cbuild c 2>log
    cbuild cache reset --force >/dev/null
}

t_only_needed_layers_are_fetched() {
    registry
    app
    cbuild -t "$repo:1" --push c 2>/dev/null
    CBUILD_ROOT=$CASE_DIR/store2
    printf 'FROM %s\nENV A=2\n' "$repo:1" >c/Dockerfile
    cbuild -t local c 2>log
    size=$(du -sk "$CBUILD_ROOT" | cut -f1)
    [ "$size" -lt 500 ] || die "the layers were fetched: $size KiB"
    cbuild -t "$repo:2" --push c 2>log
    same "$(digests "$repo:2")" "$(digests "$repo:1")"
    cbuild cache reset --force >/dev/null
}

t_push_by_digest() {
    registry
    app
    cbuild -o "type=registry,name=$repo,push-by-digest=true" --metadata-file m.json c 2>log
    digest=$(jq -r '.["containerimage.digest"]' m.json)
    same "$(jq -r '.["image.name"]' m.json)" "$repo"
    same "$(skopeo inspect --raw --tls-verify=false "docker://$repo@$digest" | sha256sum | cut -d' ' -f1)" "${digest#sha256:}"
    ! skopeo list-tags --tls-verify=false "docker://$repo" >tags 2>&1 || die "a tag was made: $(cat tags)"
}

t_pull_policies() {
    registry
    app
    cbuild -t "$repo:1" --push c 2>/dev/null
    CBUILD_ROOT=$CASE_DIR/store2
    printf 'FROM %s\nRUN cat /app > /a\n' "$repo:1" >c/Dockerfile
    fails 1 cbuild --pull=never c
    has "$out" "cbuild pull"
    cbuild c 2>/dev/null
    # another image under the same name
    context d <<X
${base}RUN echo other > /app
X
    CBUILD_ROOT=$CASE_DIR/store cbuild -t "$repo:1" --push d 2>/dev/null
    cbuild c 2>log
    has "$(cat log)" "0 steps run"
    cbuild --pull=never c 2>log
    has "$(cat log)" "0 steps run"
    rootfs --pull c
    same "$(cat root/a)" other
    rootfs --pull=newer c
    same "$(cat root/a)" other
    fails 2 cbuild --pull=sometimes c
    has "$out" "--pull"
    cbuild cache reset --force >/dev/null
}

t_everything_in_the_store_builds_without_a_registry() {
    registry
    app
    config <<X
[[registry]]
prefix = "far.example/x"
location = "$repo"
insecure = true
X
    cbuild -t "$repo:1" --push c 2>/dev/null
    cbuild rmi "$repo:1" >/dev/null
    printf 'FROM far.example/x:1\nRUN cat /app > /a\n' >c/Dockerfile
    cbuild c 2>/dev/null
    config <<X
[[registry]]
prefix = "far.example/x"
location = "127.0.0.1:1/gone"
insecure = true
X
    cbuild c 2>log
    has "$(cat log)" "0 steps run"
    printf 'FROM far.example/x:1\nRUN cat /app > /b\n' >c/Dockerfile
    cbuild c 2>log
    cbuild --pull=newer c 2>log
    fails 1 cbuild --pull=always c
    has "$out" "127.0.0.1:1"
    fails 1 cbuild pull far.example/x:1
    has "$out" "a build with --pull=newer" # pull itself has no such option
}

t_mirror_of_docker_io() {
    registry
    app
    cbuild -t "$E2E_REGISTRY/library/tiny$$:1" --push c 2>/dev/null
    config <<X
[[registry]]
prefix = "docker.io"
location = "docker.io"
[[registry.mirror]]
location = "$E2E_REGISTRY"
insecure = true
X
    CBUILD_ROOT=$CASE_DIR/store2
    printf 'FROM tiny%s:1\nRUN cat /app > /a\n' $$ >c/Dockerfile
    rootfs c
    same "$(cat root/a)" app
    cbuild cache reset --force >/dev/null
}

t_blocked_and_damaged_registries_conf() {
    printf 'FROM far.example/x:1\nRUN true\n' >Dockerfile
    config <<X
[[registry]]
prefix = "far.example"
blocked = true
X
    fails 1 cbuild .
    has "$out" blocked
    config <<X
[[registry]]
prefix = "far.example
X
    fails 1 cbuild .
    has "$out" registries.conf
    has "$out" "registries.conf':2"
    [ "$E2E_USER" != root ] || return 0 # who reads everything
    chmod 0 registries.conf
    fails 1 cbuild .
    has "$out" "registries.conf': Permission denied"
    has "$out" "CONTAINERS_REGISTRIES_CONF=/dev/null"
}

t_refused_connection() {
    printf 'FROM 127.0.0.1:1/none:1\nRUN true\n' >Dockerfile
    fails 1 cbuild .
    has "$out" "127.0.0.1:1"
    has "$out" "Dockerfile:1"
    context c <<X
${base}
X
    fails 1 cbuild -t 127.0.0.1:1/app:1 --push c
    has "$out" "ERROR: push '127.0.0.1:1/app:1': "
}

t_image_that_does_not_exist() {
    registry
    printf 'FROM %s/no/such:1\nRUN true\n' "$E2E_REGISTRY" >Dockerfile
    fails 1 cbuild .
    has "$out" "no/such"
    has "$out" "manifest unknown"
    fails 1 cbuild pull "$E2E_REGISTRY/no/such:1"
    has "$out" "manifest unknown"
}

t_misbehaving_registries() {
    fake
    for mode in wrong long garbage missing forbidden huge headers hours hub denied badtoken loop \
        longline hugelength minuslength junklength twolengths; do
        printf 'FROM %s/%s/base:1\nCOPY Dockerfile /x\nRUN ["/x"]\n' "$fake" $mode >Dockerfile
        status=0
        timeout 60 "$CBUILD" . >log 2>&1 || status=$?
        [ "$status" = 1 ] || die "mode $mode: status $status: $(cat log)"
        grep -q "^ERROR: " log || die "mode $mode: no message: $(cat log)"
        has "$(cat log)" "$fake"
    done
}

t_a_stall_is_told_and_waited_out() {
    fake
    export CBUILD_STALL_MS=300 CBUILD_RETRY_DELAY_MS=1
    printf 'FROM %s/stall/base:1\nCOPY Dockerfile /x\n' "$fake" >Dockerfile
    rootfs .
    [ -s root/file ] || die "$(find root)"
    has "$(cat build.log)" "the connection stalled; trying again"
    printf 'FROM %s/silent/base:1\nCOPY Dockerfile /x\n' "$fake" >Dockerfile
    CBUILD_ROOT=$CASE_DIR/store2
    fails 1 cbuild -o root2 .
    has "$out" "ERROR: $fake/silent/base:1: "
    has "$out" "the connection stalled"
    has "$out" "CBUILD_STALL_MS"
}

t_layers_of_another_media_type() {
    fake
    for mode in encrypted page nonsense; do
        printf 'FROM %s/%s/base:1\nRUN ["/x"]\n' "$fake" $mode >Dockerfile
        fails 1 cbuild .
        has "$out" "'$fake/$mode/base:1': layer 1: media type"
        fails 1 cbuild pull "$fake/$mode/base:1"
        has "$out" "layer 1: media type"
    done
}

t_wrong_bytes_never_become_a_layer() {
    fake
    for mode in wrong long; do
        printf 'FROM %s/%s/base:1\nCOPY Dockerfile /x\nRUN ["/x"]\n' "$fake" $mode >Dockerfile
        fails 1 cbuild .
        for b in "$CBUILD_ROOT"/blobs/sha256/*; do
            [ ! -e "$b" ] || same "$(sha256sum <"$b" | cut -d' ' -f1)" "$(basename "$b")"
        done
    done
}

t_accounts() {
    [ -n "${E2E_REGISTRY:-}" ] || die "no docker-registry: ./check starts one"
    mkdir auth
    perl -e 'print "user:", crypt("secret", q($2y$05$abcdefghijklmnopqrstuu)), "\n"' >auth/htpasswd
    REGISTRY_HTPASSWD=$PWD/auth/htpasswd "$E2E_HERE/../tools/registry" start "$PWD/reg" >addr
    trap '"$E2E_HERE/../tools/registry" stop "$PWD/reg"' EXIT
    repo=$(cat addr)/me/app
    app
    fails 1 cbuild -t "$repo:1" --push c
    has "$out" "$(cat addr)"
    has "$out" "not logged in"
    DOCKER_CONFIG=$PWD/docker
    export DOCKER_CONFIG
    mkdir docker
    printf '{"auths": {"%s": {"auth": "%s"}}}' "$(cat addr)" "$(printf user:wrong | base64)" >docker/config.json
    fails 1 cbuild -t "$repo:1" --push c
    printf '{"auths": {"%s": {"auth": "%s"}}}' "$(cat addr)" "$(printf user:secret | base64)" >docker/config.json
    cbuild -t "$repo:1" --push c 2>log
    CBUILD_ROOT=$CASE_DIR/store2
    cbuild pull "$repo:1" >/dev/null
    cbuild cache reset --force >/dev/null
}

t_podman_runs_it() {
    only root # whose container tools need no set-up
    needs podman crun unshare
    registry
    app
    cbuild -t "$repo:1" --push c 2>/dev/null
    run=$(mktemp -d /tmp/e2e-pod.XXXXXX) # podman wants a short name here
    trap 'rm -rf "$run"' EXIT
    podman() { command podman --root "$CASE_DIR/podman" --runroot "$run" --storage-driver vfs --cgroup-manager cgroupfs --events-backend file "$@"; }
    podman pull -q --tls-verify=false "$repo:1" >id 2>pod.log || { cat pod.log; die "podman pull"; }
    cbuild -t d:1 -o type=docker,dest=d.tar c 2>/dev/null
    podman load -q -i d.tar >loaded 2>pod.log || { cat pod.log; die "podman load"; }
    has "$(cat loaded)" "d:1"
    # crun refuses a machine that has both versions of cgroups, though the container uses none: it is shown the second alone.
    set -- --root "$CASE_DIR/podman" --runroot "$run" --storage-driver vfs --cgroup-manager cgroupfs --events-backend file \
        run --rm --network none --security-opt seccomp=unconfined --cgroups disabled --ulimit nofile=512:512 --ulimit nproc=512:512
    unshare -m sh -euc 'mount -t cgroup2 none /sys/fs/cgroup; exec podman "$@"' sh "$@" "$(cat id)" >out 2>pod.log ||
        { cat pod.log; die "podman run"; }
    same "$(cat out)" app
}
