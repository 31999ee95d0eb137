# Cache mounts as people deal with them: cbuild cache mounts.

mounts() {
    cbuild cache mounts "$@"
}

# Fills the mount `kept` with files of all kinds.
filled() {
    context c <<X
${base}ARG N=0
RUN --mount=type=cache,id=kept,target=/c mkdir -p /c/d/e && echo one > /c/d/one && ln /c/d/one /c/two && ln -s one /c/d/l && \
    echo \$N > /c/n && chown 12:34 /c/n /c/d/e && chmod 4755 /c/n && mkfifo /c/p && dd if=/dev/zero of=/c/big bs=64k count=20 2>/dev/null
X
    cbuild c 2>log
}
# What a RUN sees of it.
seen() {
    context look <<X
${base}ARG N
RUN --mount=type=cache,id=kept,target=/c cd /c && ls -lnR | sed 's/  */ /g' | grep -v '^total' > /list && cat n two > /data
X
    rootfs --build-arg "N=$1" look
    cat root/list root/data
}

t_carried_to_another_store() {
    filled
    seen 1 >before
    has "$(mounts ls)" "kept "
    mounts ls --json | python3 -c 'import json, sys
m, = json.load(sys.stdin)
assert m["Id"] == "kept" and m["Size"] > 5 and not m["InUse"] and m["Origin"] == "empty" and m["Directories"] == 1, m'
    key=$(mounts ls --json | jq -r '.[0].Key')
    mounts export kept kept.tar.zst
    zstd -t kept.tar.zst
    mounts export "$(echo "$key" | cut -c1-12)" - >kept.tar
    zstd -dcq kept.tar.zst | cmp - kept.tar
    has "$(tar -tvf kept.tar --numeric-owner)" "-rwsr-xr-x 12/34"
    mounts rm kept >out
    has "$(cat out)" "removed 1 cache mount, "
    same "$(mounts ls --json)" "[]"
    mounts import kept.tar.zst
    has "$(mounts ls)" " import "
    seen 2 >after
    cmp before after
    mounts import - other <kept.tar
    has "$(mounts ls)" "other "
    same "$(mounts ls --json | jq length)" 2
    tar -C c -cf plain.tar Dockerfile
    fails 2 mounts import plain.tar
    has "$out" "does not say which cache mount it is"
    mounts import plain.tar kept
    context last <<X
${base}RUN --mount=type=cache,id=kept,target=/c ls /c > /list
X
    rootfs last
    same "$(cat root/list)" Dockerfile
    mounts rm --older-than 1h >out
    has "$(cat out)" "removed 0 cache mounts"
    mounts rm --all >out
    has "$(cat out)" "removed 2 cache mounts"
}

t_names_of_mounts() {
    context c <<X
${base}RUN --mount=type=cache,id=twin,target=/a --mount=type=cache,id=twin,mode=700,target=/b touch /a/a /b/b
X
    cbuild c 2>log
    fails 1 mounts export twin -
    has "$out" "id of several cache mounts"
    fails 1 mounts rm nothing
    has "$out" "there is no cache mount 'nothing'"
    fails 2 mounts rm
    fails 2 mounts rm twin --all
    mounts rm twin >out
    has "$(cat out)" "removed 2 cache mounts"
}

# It holds the mount until it is stopped.
t_left_alone_while_in_use() {
    filled
    context busy <<X
${base}RUN --mount=type=cache,id=kept,target=/c touch /c/here && sleep 60
X
    "$CBUILD" busy 2>busy.log &
    pid=$!
    wait_for 20 sh -c "'$CBUILD' cache mounts ls | grep -q 'in use'"
    fails 1 mounts rm kept
    has "$out" "in use"
    fails 1 mounts export kept out.tar
    has "$out" "in use"
    tar -C c -cf plain.tar Dockerfile
    fails 1 mounts import plain.tar kept
    has "$out" "in use"
    mounts rm --all >out 2>err
    has "$(cat out err)" "in use: it stays"
    kill "$pid"
    wait "$pid" || true
    mounts export kept out.tar
    has "$(tar -tf out.tar)" here
}

t_hostile_tars() {
    for kind in absolute dotdot dotdot-deep symlink symlink-dir symlink-absolute hardlink hardlink-up hardlink-missing file-then-below \
        truncated truncated-gzip garbage empty-name long-name xattr-overlay device-like-whiteout twice good; do
        python3 "$E2E_HERE/badtar.py" "$kind" bad.tar
        status=0
        out=$(mounts import bad.tar bad 2>&1) || status=$?
        [ "$status" -le 1 ] || die "$kind: status $status: $out"
        [ "$status" = 0 ] || has "$out" "ERROR: "
        for f in /escaped /escaped-absolute /tmp/escaped-symlink "$CBUILD_ROOT/escaped" "$CBUILD_ROOT/mounts/escaped" /etc/evil; do
            [ ! -e "$f" ] || die "$kind: $f was made"
        done
    done
    same "$(mounts ls --json | jq length)" 1
}
