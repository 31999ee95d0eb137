# The store: refused when it is not ours, healed when it is damaged, left whole when the disk is full.

app() {
    context c <<X
${base}COPY f /f
RUN cat /f > /g
RUN cat /g > /h
X
    echo content >c/f
}

t_store_of_another_format() {
    app
    cbuild -q c >/dev/null
    ours=$(cat "$CBUILD_ROOT/format")
    echo 999 >"$CBUILD_ROOT/format"
    fails 1 cbuild c
    has "$out" 999
    has "$out" --root
    fails 1 cbuild prune
    fails 1 cbuild images
    has "$out" 999
    echo garbage >"$CBUILD_ROOT/format"
    fails 1 cbuild c
    has "$out" format
    echo "$ours" >"$CBUILD_ROOT/format"
    cbuild c 2>log
    has "$(cat log)" "0 steps run"
}

# What an earlier format holds is not used. To be rid of it takes more than rm: files of subordinate owners are in it.
t_store_of_an_earlier_format() {
    app
    cbuild -q -t app c >/dev/null
    ours=$(cat "$CBUILD_ROOT/format")
    echo 1 >"$CBUILD_ROOT/format"
    for command in "c" "images" "prune" "prune --all"; do
        # shellcheck disable=SC2086 # words
        fails 1 cbuild $command
        has "$out" "'cbuild cache reset'"
    done
    cbuild cache reset --force
    cbuild c 2>log
    same "$(cat "$CBUILD_ROOT/format")" "$ours"
    hasnt "$(cat log)" "0 steps run"
}

# All of it goes, whoever owns it, damaged as it may be; what is no store, or is in use, stays.
t_reset() {
    context c <<X
${base}RUN --mount=type=cache,target=/c mkdir -m 0 /shut /c/shut && echo x >/c/f && chown 7:7 /c/f /shut
X
    cbuild -q -t app c >/dev/null
    fails 2 cbuild cache reset </dev/null
    has "$out" "$CBUILD_ROOT"
    has "$out" --force
    touch "$CBUILD_ROOT/mine"
    fails 1 cbuild cache reset --force
    has "$out" "holds 'mine'"
    rm "$CBUILD_ROOT/mine"
    exec 9<"$CBUILD_ROOT/locks/gc"
    flock -s 9
    fails 1 cbuild cache reset -f
    has "$out" "a build is using"
    exec 9<&-
    echo garbage >"$CBUILD_ROOT/format"
    cbuild cache reset -f
    [ ! -e "$CBUILD_ROOT" ] || die "left: $(find "$CBUILD_ROOT")"
    has "$(cbuild cache reset -f)" "there is no store"
    fails 2 cbuild cache rest
    has "$out" "did you mean 'cbuild cache reset'?"
    fails 2 cbuild cache --root x reset
    has "$(cbuild cache --help)" "cache reset"
}

# What is damaged is found wherever it is, told, and dropped: the next build makes it anew.
t_verify() {
    context c <<X
${base}RUN mkdir -m 700 /d && echo one >/d/one && chown 7:7 /d /d/one
RUN echo two >/two
X
    cbuild -q -t app -o type=image -o type=oci,dest=a.tar c >/dev/null
    cbuild cache verify >out || die "$(cat out)"
    has "$(cat out)" "all of it is sound"
    two=$(dirname "$(find "$CBUILD_ROOT/layers" -name two -type f)")
    printf owt >"$two/two" # as long as it was
    truncate -s 4 "$two/two"
    blob=$(find "$CBUILD_ROOT/blobs" -type f -size +20k | head -n 1)
    printf X | dd of="$blob" conv=notrunc status=none
    record=$(find "$CBUILD_ROOT/records" -type f | head -n 1)
    : >"$record"
    fails 1 cbuild cache verify --dry-run
    has "$out" "'/two' is not as its index says"
    has "$out" "blob $(basename "$blob"): its bytes"
    has "$out" "record $(basename "$record"): it"
    has "$out" "image docker.io/library/app:latest: a layer of it"
    has "$out" "nothing was removed"
    fails 1 cbuild cache verify
    has "$out" "damaged and removed"
    [ ! -e "$blob" ] && [ ! -e "$two" ] && [ ! -e "$record" ] || die "it is still there"
    cbuild cache verify >out || die "$(cat out)"
    rootfs c
    same "$(cat root/two)" two
    printf X >>"$CBUILD_ROOT/layers/$(ls "$CBUILD_ROOT/layers" | head -n 1)/index"
    fails 1 cbuild cache verify
}

t_directory_that_is_no_store() {
    app
    mkdir mine && echo precious >mine/file
    fails 1 cbuild --root mine c
    has "$out" "not a store"
    fails 1 cbuild prune --all --root mine
    fails 1 cbuild cache reset --force --root mine
    same "$(ls mine)" file
    fails 1 cbuild --root c/f c
    has "$out" "c/f"
}

# What cbuild makes it can open; a command's umask is that of every RUN.
t_a_umask_that_forbids_ourselves() {
    context c <<X
${base}RUN umask >/mask
X
    (umask 777 && cbuild --root s -o type=tar,dest=out.tar c) 2>log || die "$(cat log)"
    same "$(tar -xOf out.tar mask)" 0022
    same "$(stat -c %a s out.tar | tr '\n' ' ')" "700 600 "
}

# Who could put layers there could have their programs executed.
t_store_that_others_may_write() {
    app
    cbuild -q c >/dev/null
    for dir in . layers locks; do
        chmod o+w "$CBUILD_ROOT/$dir"
        fails 1 cbuild c
        has "$out" "others may write"
        has "$out" "chmod go-w"
        chmod go-w "$CBUILD_ROOT/$dir"
    done
    mkdir shared && chmod 1777 shared
    cbuild -q --root shared/new c >/dev/null
    same "$(stat -c %a shared/new)" 700
    if [ "$E2E_USER" = root ]; then
        mkdir planted planted/layers && chmod 777 planted && chown 65534 planted/layers
        fails 1 cbuild --root planted c
        has "$out" "belongs to user 65534"
    fi
    cbuild cache reset --force --root shared/new >/dev/null
}

t_unreadable_store() {
    only range single # root reads every store
    app
    fails 1 cbuild --root /root/store c
    has "$out" ermission
    has "$out" --root
    mkdir locked && chmod 0 locked
    fails 1 cbuild --root locked c
    has "$out" locked
    chmod 700 locked
    cbuild -q c >/dev/null
    chmod 0 "$CBUILD_ROOT/records"
    status=0
    out=$(cbuild c 2>&1) || status=$?
    chmod 700 "$CBUILD_ROOT/records"
    [ "$status" -le 1 ] || die "status $status: $out"
    [ "$status" = 0 ] || has "$out" records
}

# Who only looks needs no right to write: a store of a backup, or of an image.
t_read_only_store() {
    app
    cbuild -q -t app:1 c >/dev/null
    cbuild -q c >/dev/null
    looks() {
        has "$(cbuild images)" app
        has "$(cbuild inspect app:1)" '"Layers"'
        has "$(cbuild du)" total
        same "$(cbuild du | sed 1d)" "$1"
        (cd "$CBUILD_ROOT" && find . | sort) | cmp - before
    }
    (cd "$CBUILD_ROOT" && find . | sort) >before
    usage=$(cbuild du | sed 1d)
    looks "$usage"
    if [ "$E2E_USER" = root ]; then
        if ! mount --bind "$CBUILD_ROOT" "$CBUILD_ROOT" 2>/dev/null; then skip "nothing can be mounted here"; fi
        trap 'umount -l "$CBUILD_ROOT"' EXIT
        mount -o remount,bind,ro "$CBUILD_ROOT"
        looks "$usage"
        fails 1 cbuild --no-cache c
        has "$out" "read-only"
    else
        find "$CBUILD_ROOT" -maxdepth 2 -type d -exec chmod a-w {} +
        status=0
        (looks "$usage") || status=$?
        find "$CBUILD_ROOT" -maxdepth 2 -type d -exec chmod u+w {} +
        same "$status" 0
    fi
}

t_roots_that_are_not_given() {
    app
    unset CBUILD_ROOT
    if [ "$(id -u)" != 0 ]; then
        XDG_DATA_HOME=$PWD/data cbuild -q c >/dev/null
        [ -f data/cbuild/format ] || die "no store in XDG_DATA_HOME"
        HOME=$PWD/home cbuild -q c >/dev/null
        [ -f home/.local/share/cbuild/format ] || die "no store in HOME"
        XDG_DATA_HOME=$PWD/data cbuild cache reset --force >/dev/null
        HOME=$PWD/home cbuild cache reset --force >/dev/null
    fi
    fails 2 cbuild --root= c
    has "$out" root
}

# Damages every file of the store that find(1) names, in one way after the other; the next build must heal it
# or say what to do, and must never give wrong contents.
damage() { # damage FIND-ARGUMENTS…
    app
    for how in empty cut flip gone directory; do
        cbuild cache reset --force >/dev/null
        cbuild -t app:1 -o type=image -o type=oci,dest=a.tar,compression-level=1 c 2>/dev/null
        find "$CBUILD_ROOT" -type f "$@" >files
        [ -s files ] || die "no such file in the store: $*"
        while read -r f; do
            chmod u+w "$f"
            case $how in
            empty) : >"$f" ;;
            cut) truncate -s $(($(stat -c %s "$f") / 2)) "$f" ;;
            flip) python3 -c 'import sys; p = sys.argv[1]; b = bytearray(open(p, "rb").read()); b[len(b) // 2] ^= 1; open(p, "wb").write(b)' "$f" ;;
            gone) rm -f "$f" ;;
            directory) rm -f "$f" && mkdir "$f" ;;
            esac
        done <files
        status=0
        out=$(timeout 60 "$CBUILD" -t app:1 -o type=image -o type=oci,dest=b.tar,compression-level=1 c 2>&1) || status=$?
        [ "$status" -le 1 ] || die "$how: status $status: $out"
        if [ "$status" = 0 ]; then
            oci verify b.tar || die "$how: a bad image: $out"
        else
            has "$out" "ERROR: "
            has "$out" "hint: "
            [ "${heals:-}" != yes ] || die "$how: it did not heal: $out"
            archive -t app:1 c # what was damaged is gone
        fi
        cbuild images >/dev/null || true
        cbuild du >/dev/null || true
    done
    cbuild cache reset --force >/dev/null
    rootfs c
    same "$(cat root/h)" content
}

t_damaged_records() {
    heals=yes
    damage -path '*/records/*'
}

t_damaged_layer_descriptions() {
    damage -path '*/layers/*' '(' -name meta.json -o -name index ')'
}

t_damaged_diff_ids() {
    heals=yes
    damage '(' -path '*/diffs/*' -o -path '*/layers/*' -name diff ')'
}

t_damaged_packings() {
    heals=yes
    damage -path '*/layers/*' '(' -name 'packed-*' -o -name state ')'
}

t_damaged_blobs() {
    damage -path '*/blobs/*'
}

# The files of a base image's layer, its blob, and its documents: all of it can be fetched again.
t_damaged_base() {
    layout lay good
    for what in '*/layers/*' '*/blobs/*'; do
        printf 'FROM base\nCOPY --from=base first /second\n' >Dockerfile
        rm -rf "$CBUILD_ROOT"
        archive --build-context base=oci-layout://"$PWD/lay" .
        find "$CBUILD_ROOT" -type f -path "$what" -size +0 >files
        while read -r f; do chmod u+w "$f" && printf X | dd of="$f" conv=notrunc status=none; done <files
        echo 'COPY --from=base first /third' >>Dockerfile
        status=0
        out=$(cbuild --build-context base=oci-layout://"$PWD/lay" -o type=oci,dest=b.tar,compression-level=1 . 2>&1) || status=$?
        [ "$status" = 0 ] || has "$out" "hint: "
        archive --build-context base=oci-layout://"$PWD/lay" .
        rootfs --build-context base=oci-layout://"$PWD/lay" .
        same "$(cat root/third)" first
    done
}

t_damaged_image_names() {
    heals=yes
    damage -path '*/images/*'
}

t_damaged_context_tables() {
    damage -path '*/context/*'
}

# A digest in the table that is not the file's.
t_damaged_digest_of_a_context() {
    app
    sleep 0.1 # what has just changed is not put into a table
    cbuild -q c >/dev/null
    hex=$(printf 'content\n' | sha256sum | cut -c1-64)
    python3 - "$hex" "$CBUILD_ROOT"/context/* <<'X'
import sys
digest = bytes.fromhex(sys.argv[1])
for path in sys.argv[2:]:
    data = open(path, "rb").read()
    if path.endswith(".earlier"): # no table
        continue
    assert digest in data
    open(path, "wb").write(data.replace(digest, digest[:-1] + bytes([digest[-1] ^ 1])))
X
    echo 'COPY f /f2' >>c/Dockerfile
    rootfs c
    same "$(cat root/f2)" content
}

t_vanished_layer_trees() {
    app
    cbuild -q c >id1
    for l in "$CBUILD_ROOT"/layers/*; do mv "$l" "$CBUILD_ROOT/work/gone-$(basename "$l" | cut -c1-16)" 2>/dev/null || rm -rf "$l"; done
    sed -i '$d' c/Dockerfile
    echo 'RUN cat /g /f > /h2' >>c/Dockerfile
    rootfs c
    same "$(tr '\n' ' ' <root/h2)" "content content "
}

t_full_disk() {
    only root # who can mount a small file system
    mkdir small
    if ! mount -t tmpfs -o size=24m none small 2>/dev/null; then skip "tmpfs cannot be mounted here"; fi
    trap 'umount -l small' EXIT
    context c <<X
${base}RUN dd if=/dev/urandom of=/big bs=1M count=64 2>&1
X
    fails 1 cbuild --root small c
    has "$out" "o space left"
    context d <<X
FROM scratch
COPY big /big
X
    head -c 40000000 /dev/urandom >d/big
    fails 1 cbuild --root small d
    has "$out" "o space left"
    head -c 10000000 /dev/urandom >d/big
    cbuild --root small -q d >/dev/null
    fails 1 cbuild --root small -o type=oci,dest=small/a.tar,compression=gzip d
    has "$out" "o space left"
    [ ! -e small/a.tar ] || die "half an archive was left"
    for w in small/work/*; do [ ! -e "$w" ] || [ "$(ls small/work | wc -l)" -le 2 ] || die "left: $(ls small/work)"; done
    cbuild --root small cache reset --force >/dev/null
    echo small >d/big
    cbuild --root small -q d >/dev/null
}

t_paths_with_odd_names() {
    mkdir "a dir:with,odd=names"
    cd "a dir:with,odd=names" || exit
    app
    CBUILD_ROOT="$PWD/store, two:three"
    rootfs c
    same "$(cat root/h)" content
    cbuild cache reset --force >/dev/null
    rm -rf "$CBUILD_ROOT" 2>/dev/null || true
}

# Nobody can look into layers of other ids without entering the namespace: after the next boot they would be made again.
t_layers_of_other_ids_are_settled() {
    only range
    context c <<X
${base}RUN mkdir -m 700 /d && chown 7:7 /d && echo x >/d/f
X
    cbuild -q c
    # shellcheck disable=SC2317 # by wait_for
    settled() { for state in "$CBUILD_ROOT"/layers/*/state; do grep -q ' durable$' "$state" || return 1; done; }
    wait_for 20 settled
    sed -i 's/^[^ ]*/11111111-2222-3333-4444-555555555555/' "$CBUILD_ROOT"/layers/*/state
    cbuild c 2>log
    same "$(grep -c CACHED log)" 3
}

# What was not on the disk yet when the power went is empty after the next boot: it counts as not there, and is made again.
t_power_loss() {
    only root
    context c <<X
${base}RUN echo one >/one
RUN echo two >/two
RUN echo three >/three
X
    cbuild -q -o type=oci,dest=a.tar c >/dev/null
    three=$(grep -rl 'echo three' "$CBUILD_ROOT/records" | head -n 1)
    two=$(find "$CBUILD_ROOT/layers" -path '*/fs/two')
    find "$CBUILD_ROOT/blobs" -type f >blobs
    while read -r f; do
        : >"$f"
        touch -d 2000-01-01 "$f"
    done <blobs
    : >"$three"
    : >"$two"
    sed -i 's/^[^ ]*/11111111-2222-3333-4444-555555555555/; s/ durable$//' "$CBUILD_ROOT"/layers/*/state
    cbuild -o type=oci,dest=b.tar c 2>log
    has "$(cat log)" "2 steps run, 3 cached"
    oci verify b.tar
    rootfs c
    same "$(cat root/one root/two root/three)" "one
two
three"
}

# A build that makes nothing new writes nothing; what has to be written says so.
t_a_store_that_is_read_only() {
    context c <<X
${base}RUN echo a >/a
X
    id=$(cbuild -q -t known c)
    cat >look <<'X'
set -e
[ "$1" != root ] || { mount --bind "$CBUILD_ROOT" "$CBUILD_ROOT" && mount -o remount,bind,ro "$CBUILD_ROOT"; }
"$CBUILD" -q c >id
"$CBUILD" -o type=tar,dest=o.tar c && "$CBUILD" -o dir c
"$CBUILD" -t new:1 c && exit 1
echo 'RUN echo b >/b' >>c/Dockerfile
"$CBUILD" c && exit 1
true
X
    if [ "$E2E_USER" = root ]; then
        unshare -m sh look root >log 2>&1 || die "$(cat log)"
        has "$(cat log)" "name image 'docker.io/library/new:1': write"
        same "$(grep -c 'hint: the file system is read-only' log)" 2
    else
        find "$CBUILD_ROOT" -maxdepth 2 -type d -user "$(id -u)" -exec chmod u-w {} +
        sh look user >log 2>&1 || status=$?
        find "$CBUILD_ROOT" -maxdepth 2 -type d -user "$(id -u)" -exec chmod u+w {} +
        [ "${status:-0}" = 0 ] || die "$(cat log)"
        has "$(cat log)" "name image 'docker.io/library/new:1': write"
    fi
    same "$(cat id)" "$id"
    same "$(tar -xOf o.tar a)$(cat dir/a)" aa
}

# A ceiling: what was unused for longest goes at the end of a build; what cannot go is said.
t_limit_of_the_store() {
    only root
    mkdir conf
    big() { # big NAME: a build of a context of its own, whose layer takes 3 MB
        mkdir "$1"
        printf 'FROM scratch\nCOPY f /\n' >"$1/Dockerfile"
        head -c 3000000 /dev/urandom >"$1/f"
        cbuild -o type=cacheonly "$@" 2>log || die "$(cat log)"
    }
    big one
    sleep 1.1 # what is as old as the next build is not taken from it
    big two --store-limit 5m
    hasnt "$(cat log)" limit
    [ "$(du -sk "$CBUILD_ROOT" | cut -f1)" -lt 5120 ] || die "$(cbuild du)"
    echo '{"max-size": "1m"}' >conf/config.json
    export CBUILD_CONFIG=conf/config.json
    has "$(cbuild doctor)" "conf/config.json: max-size 1.05 MB"
    big three
    has "$(cat log)" "more than its limit of 1.05 MB"
    cbuild -o type=cacheonly three 2>log
    has "$(cat log)" "0 steps run" # what a build has made stays until the next one
    # Room is made between two steps, too: the second sees what the first has driven out.
    sleep 1.1
    printf '%sCOPY f /\nRUN du -sk /store | cut -f1 >/size\n' "$base" | context four
    head -c 3000000 /dev/urandom >four/f
    cbuild --store-limit 7m -v "$CBUILD_ROOT:/store" -o type=tar,dest=four.tar four 2>log || die "$(cat log)"
    [ "$(tar -xOf four.tar size)" -lt 7168 ] || die "$(tar -xOf four.tar size) KiB while it ran"
    # A build that fails leaves no more than others.
    printf '%sRUN echo 5 >/five\nRUN false\n' "$base" | context five
    fails 1 cbuild --store-limit 1m five
    has "$out" "more than its limit of 1.05 MB"
    echo '{"maxsize": "1m"}' >conf/config.json
    fails 2 cbuild three
    has "$out" "there is no setting 'maxsize'"
    has "$out" "did you mean 'max-size'"
    has "$(cbuild doctor)" "there is no setting 'maxsize'"
}
