# Cache mounts in shared caches: cache-mounts= of --cache-from and --cache-to, here with a directory.

# Each build adds a line to the mount, and what it finds there goes into the image.
example() {
    context c <<X
${base}ARG N
RUN --mount=type=cache,id=log,target=/log --mount=type=cache,id=other,target=/other \
    echo \$N >> /log/lines && chown 5:6 /log/lines && cp /log/lines /lines && touch /other/f && ls /log /other > /list
X
    from=type=local,src=$PWD/cache
    to=type=local,dest=$PWD/cache
}
elsewhere() { # a build on another machine
    CBUILD_ROOT=$CASE_DIR/store-$1
    export CBUILD_ROOT
}
lines() { # lines N OPTION…: what the image of that build has
    n=$1
    shift
    rootfs --build-arg "N=$n" "$@" c
    tr '\n' ' ' <root/lines
}

t_they_travel() {
    example
    same "$(lines 1 --cache-to "$to,cache-mounts=all")" "1 "
    elsewhere b
    same "$(lines 2 --cache-from "$from,cache-mounts=log" --cache-to "$to,cache-mounts=log")" "1 2 "
    has "$(cat build.log)" "cache mount log"
    hasnt "$(cat build.log)" "cache mount other"
    has "$(cbuild cache mounts ls)" " share "
    # Who has one keeps it, whatever is there.
    elsewhere c
    same "$(lines 3)" "3 "
    same "$(lines 4 --cache-from "$from,cache-mounts=all")" "3 4 "
    # Nobody asked for them; then, nothing is there.
    elsewhere d
    same "$(lines 5 --cache-from "$from")" "5 "
    elsewhere e
    same "$(lines 6 --cache-from "type=local,src=$PWD/nothing,cache-mounts=all")" "6 "
    # Owners, on every rung.
    elsewhere f
    sed -i 's/chown 5:6/stat -c %u:%g/' c/Dockerfile
    lines 7 --cache-from "$from,\"cache-mounts=log,other\"" >all
    same "$(cat all)" "1 2 7 "
    has "$(cat build.log)" "5:6"
    # All is known: nothing is brought, or put there.
    before=$(find cache -type f | sort)
    cbuild --build-arg N=7 --cache-from "$from,cache-mounts=all" --cache-to "$to,cache-mounts=all" c 2>log
    hasnt "$(cat log)" "cache mount"
    cbuild --no-cache --build-arg N=7 --cache-from "$from,cache-mounts=all" c 2>log
    rootfs --build-arg N=7 c
    same "$(cat root/lines)" 7
}

t_only_what_is_new_goes_there() {
    only root
    example
    sed -i 's/echo/dd if=\/dev\/urandom of=\/log\/big$N bs=1M count=9 2>\/dev\/null \&\& echo/' c/Dockerfile
    lines 1 --cache-to "$to,cache-mounts=log" >/dev/null
    size() { du -sk cache/blobs | cut -f1; }
    before=$(size)
    lines 2 --cache-to "$to,cache-mounts=log" >/dev/null
    grown=$(($(size) - before))
    [ "$grown" -gt 9000 ] && [ "$grown" -lt 12000 ] || die "grew by $grown of $before"
    # Too much together: the older file is left out.
    lines 3 --cache-to "$to,cache-mounts=log,cache-mounts-max-size=20m" >/dev/null
    elsewhere b
    lines 4 --cache-from "$from,cache-mounts=log" >/dev/null
    same "$(ls "$CBUILD_ROOT"/mounts/*/0 | grep -c big)" 3
    elsewhere c
    lines 4 --cache-from "$from,cache-mounts=log,cache-mounts-max-size=1m" >/dev/null
    has "$(cat build.log)" "larger than cache-mounts-max-size="
    fails 2 cbuild --cache-to "$to,cache-mounts-max-age=never" c
    has "$out" "'never' is not a time span"
    fails 2 cbuild --cache-from "$from,cache-mounts=" c
    fails 2 cbuild --cache-to "type=inline,cache-mounts=all" c
    has "$out" "an image has no place for cache mounts"
}

t_what_is_damaged_is_an_empty_mount() {
    only root
    example
    lines 1 --cache-to "$to,cache-mounts=log" >/dev/null
    document=$(grep -l vnd.cbuild.mount.v1 cache/blobs/sha256/*)
    blobs="$document $(jq -r '"cache/blobs/sha256/" + (.layers[].digest | ltrimstr("sha256:"))' "$document")"
    n=0
    for blob in $blobs; do
        cp "$blob" saved
        printf x >"$blob"
        elsewhere "$n"
        same "$(lines 2 --cache-from "$from,cache-mounts=log")" "2 "
        has "$(cat build.log)" "warning: "
        cp saved "$blob"
        n=$((n + 1))
    done
    same "$n" 3
    elsewhere last
    same "$(lines 2 --cache-from "$from,cache-mounts=log")" "1 2 "
}
