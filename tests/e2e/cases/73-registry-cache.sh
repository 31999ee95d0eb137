# A shared cache in a registry, which is 20 ms away each way (tests/tools/farproxy.py): what goes there, what comes, in how many
# round trips.

far() { # far REGISTRY: $far is the same one; how far away it is, traffic says
    mkfifo far.in far.out
    python3 "$E2E_HERE/../tools/farproxy.py" "$1" 0 <far.in >far.out &
    exec 7>far.in 8<far.out
    read -r far <&8
}
traffic() { # traffic [LATENCY]: from now on; sets $rounds, $requests, $bytes (that came) and $sent since the last time
    echo "${1:-}" >&7
    read -r rounds requests bytes sent <&8
}
registry() {
    only root
    [ -n "${E2E_REGISTRY:-}" ] || die "no docker-registry: ./check starts one"
    name=$(basename "$CASE_DIR" | tr -c 'a-z0-9\n' -)$$
    repo=$E2E_REGISTRY/$name
    far "$E2E_REGISTRY"
}
example() { # thirty steps
    {
        printf 'FROM scratch\nCOPY busybox /bin/busybox\n'
        for i in $(seq 29); do echo "COPY $i /"; done
    } | context c
    for i in $(seq 29); do seq "$i" 2000 >"c/$i"; done
}
elsewhere() { # a build on another machine
    CBUILD_ROOT=$CASE_DIR/store-$1
    export CBUILD_ROOT
}
digests() {
    skopeo inspect --tls-verify=false "docker://$1" | jq -r '.Layers[]'
}
layer_blobs() { # how many blobs of layers are in the store
    find "$CBUILD_ROOT/layers" -name 'packed-*' -o -name fs | wc -l
}

t_thirty_steps_are_a_few_round_trips() {
    registry
    example
    cbuild --cache-to "$far/$name/cache" c 2>log
    has "$(cat log)" "30 put"
    traffic
    # What has just been put there is not sent again with the image.
    cbuild -t "$far/$name/app:1" --push c 2>log
    traffic 20
    [ "$sent" -le 100000 ] || die "$sent bytes were sent"
    elsewhere b
    cbuild --cache-from "$far/$name/cache" --iidfile id c 2>log
    traffic
    has "$(cat log)" "30 taken"
    [ "$rounds" -le 4 ] || die "$rounds round trips, $requests requests"
    [ "$requests" -le 40 ] || die "$requests requests"
    [ "$bytes" -le 200000 ] || die "$bytes bytes came"
    same "$(layer_blobs)" 0
    # Pushed beside the cache: the registry has all of it.
    cbuild --cache-from "$far/$name/cache" -t "$far/$name/again:1" --push c 2>log
    traffic
    [ "$rounds" -le 9 ] || die "$rounds round trips, $requests requests"
    [ "$((bytes + sent))" -le 200000 ] || die "$bytes bytes came, $sent were sent"
    same "$(layer_blobs)" 0
    digests "$repo/app:1" >want
    digests "$repo/again:1" | diff want -
    # Into another registry: through this machine, as it is.
    "$E2E_HERE/../tools/registry" start "$PWD/reg" >addr
    trap '"$E2E_HERE/../tools/registry" stop "$PWD/reg"' EXIT
    cbuild -t "$(cat addr)/app:1" --push c 2>log
    digests "$(cat addr)/app:1" | diff want -
    same "$(find "$CBUILD_ROOT/layers" -name fs | wc -l)" 0
    # And what stands on it.
    echo 'RUN ["/bin/busybox", "cp", "/29", "/copy"]' >>c/Dockerfile
    rootfs --cache-from "$repo/cache" c
    cmp c/29 root/copy
}

# A registry of our own, which loses the blob of each layer: its documents stay.
t_a_layer_that_is_gone_is_made_again() {
    only root
    "$E2E_HERE/../tools/registry" start "$PWD/reg" >addr
    trap '"$E2E_HERE/../tools/registry" stop "$PWD/reg"' EXIT
    cache=$(cat addr)/cache
    context c <<X
FROM scratch
COPY busybox /bin/busybox
COPY file /
X
    echo text >c/file
    cbuild --cache-to "$cache" c 2>log
    lose() {
        for f in reg/registry/data/docker/registry/v2/blobs/sha256/*/*/data; do
            if head -c 2 "$f" | od -An -tx1 | grep -q '1f 8b'; then rm "$f"; fi
        done
    }
    lose
    # Under a RUN.
    elsewhere run
    cp c/Dockerfile first
    echo 'RUN ["/bin/busybox", "cp", "/file", "/copy"]' >>c/Dockerfile
    rootfs --cache-from "$cache" c
    cmp c/file root/copy
    has "$(cat build.log)" "cannot be had any more"
    has "$(cat build.log)" "are executed again"
    has "$(cat build.log)" "3 steps run"
    # In an output, when all steps were hits; and what was made again goes there again.
    elsewhere output
    cp first c/Dockerfile
    cbuild --cache-from "$cache" --cache-to "$cache" -o type=oci,dest=out.tar c 2>log
    has "$(cat log)" "are executed again"
    has "$(cat log)" "2 steps run"
    elsewhere healed
    cbuild --cache-from "$cache" -o type=oci,dest=healed.tar c 2>log
    has "$(cat log)" "0 steps run"
    hasnt "$(cat log)" "executed again"
    # Of an image that was pushed from there, too.
    elsewhere pushed
    cbuild --cache-from "$cache" -t app c 2>log
    lose
    fails 1 cbuild push app "$(cat addr)/other:1"
    has "$out" "build the image again"
}

# Whatever a registry answers instead (tests/tools/fakeregistry.py): a warning each for reading and writing, and the build goes on.
t_a_registry_that_is_no_cache_fails_nothing() {
    only root
    mkfifo fake.in fake.out
    python3 "$E2E_HERE/../tools/fakeregistry.py" <fake.in >fake.out &
    exec 7>fake.in 8<fake.out
    read -r port <&8
    printf 'FROM scratch\nCOPY 1 2 /\nCOPY 2 /3\nCOPY 2 /4\nCOPY 2 /5\n' | context c
    echo 1 >c/1
    echo 2 >c/2
    CBUILD_RETRY_DELAY_MS=1 CBUILD_STALL_MS=1000
    export CBUILD_RETRY_DELAY_MS CBUILD_STALL_MS
    for what in denied html hours hub forbidden unheard garbage huge headers badtoken; do
        cache=127.0.0.1:$port/$what/cache
        CBUILD_ROOT=$PWD/s-$what cbuild --cache-from "$cache" --cache-to "$cache" c 2>log || die "$what: $(cat log)"
        has "$(cat log)" "4 steps run"
        grep -q "the cache registry '$cache' is not used" log || die "$what: $(cat log)"
        [ "$(grep -c "is not used" log)" -le 2 ] || die "$what: $(cat log)"
    done
    CBUILD_ROOT=$PWD/s-nobody cbuild --cache-from 127.0.0.1:1/cache c 2>log
    same "$(grep -c "is not used" log)" 1
}
