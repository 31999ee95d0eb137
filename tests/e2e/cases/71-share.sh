# Shared caches: --cache-from and --cache-to, here with a directory.

# A stage that the image takes a file from; two stores share c.
example() {
    only root
    context c <<X
${base}RUN echo made >/made
FROM scratch
COPY --from=0 /made /
COPY file /
X
    echo one >c/file
    from=type=local,src=$PWD/cache
    to=type=local,dest=$PWD/cache
}
elsewhere() { # a build on another machine
    CBUILD_ROOT=$CBUILD_ROOT-$1
    export CBUILD_ROOT
}
count() {
    grep -o 'cbuild1-[0-9a-f]*' "$1/index.json" | sort -u | wc -l
}

t_one_machine_makes_it_another_takes_it() {
    example
    cbuild --cache-from "$from" --cache-to "$to,mode=max" --iidfile id1 c 2>log
    has "$(cat log)" "0 taken, 5 put"
    elsewhere b
    cbuild --cache-from "$from" --cache-to "$to" --iidfile id2 --metadata-file meta c 2>log
    has "$(cat log)" "0 steps run, 2 cached"
    has "$(cat log)" "2 taken, 0 put"
    same "$(cat id2)" "$(cat id1)"
    has "$(tr -d ' \n' <meta)" '"cbuild.sharedCache":{"taken":2,"put":0,"late":0}'
    [ -z "$(find "$CBUILD_ROOT/blobs" -size +64k)" ] || die "layers came that nobody needed"
    rootfs --cache-from "$from" c
    same "$(cat root/made root/file)" "made
one"
    # What has changed is made on what has not.
    elsewhere c
    echo two >c/file
    cbuild --progress=rawjson --cache-from "$from" --cache-to "$to" c 2>log
    has "$(cat log)" '"run":1,"cached":1'
    has "$(cat log)" '"why":"from the shared cache"'
    has "$(cat log)" '"shared":1,"put":1,"late":0'
    # By its content: the recipe is another one, what it takes is the same.
    elsewhere d
    sed -i 's/echo made/echo made  /' c/Dockerfile
    cbuild --cache-from "$from" c 2>log
    has "$(cat log)" "1 step run"
    has "$(cat log)" "4 taken"
}

t_mode_says_what_goes_there() {
    example
    cbuild --cache-to "$to" --cache-to "type=local,dest=all,mode=max,compression=gzip" c 2>log
    same "$(count cache)" 8
    same "$(count all)" 20
    grep -q 'tar+gzip' all/blobs/sha256/* || die "no layer is packed with gzip"
    # What was found here goes there, too.
    cbuild --cache-to type=local,dest=later,mode=max c 2>log
    has "$(cat log)" "0 steps run"
    same "$(count later)" 2
    before=$(cat later/index.json)
    cbuild --cache-to type=local,dest=later c 2>log
    same "$(cat later/index.json)" "$before"
}

# What a build finds here by its definition goes there under that key alone. Without what is below it fits once that is made.
t_a_gap_in_the_chain() {
    example
    printf 'FROM scratch\nCOPY busybox /bin/busybox\nRUN ["/bin/busybox","cp","/bin/busybox","/a"]\n' >c/Dockerfile
    sed '$d' c/Dockerfile >first
    cbuild c 2>log
    cbuild --cache-to "$to" c 2>log
    cbuild -f first --cache-to type=local,dest=part c 2>log
    for tag in $(grep -o 'cbuild1-[0-9a-f]*' part/index.json); do
        sed -i "s/$tag/gone/" cache/index.json
    done
    elsewhere b
    cbuild --cache-from "$from" c 2>log
    has "$(cat log)" "1 step run, 1 cached"
    has "$(cat log)" "1 taken"
    cbuild c 2>log
    has "$(cat log)" "0 steps run"
}

t_other_results_do_not_mix() {
    example
    printf 'FROM scratch\nCOPY busybox /bin/busybox\nRUN ["/bin/busybox","cp","/proc/sys/kernel/random/uuid","/id"]\n' >c/Dockerfile
    printf 'RUN ["/bin/busybox","cp","/id","/copy"]\n' >>c/Dockerfile
    cbuild --cache-to "$to" c 2>log
    # This one has made the first RUN itself, with another result: what stands on theirs is not for it.
    elsewhere b
    sed '$d' c/Dockerfile >first
    cbuild -f first c 2>log
    rootfs --cache-from "$from" c
    cmp root/id root/copy
    has "$(cat build.log)" "1 step run"
}

t_what_would_be_taken_is_foreseen() {
    example
    cbuild --cache-to "$to,mode=max" c 2>log
    elsewhere b
    cbuild explain --cache-from "$from" c >out
    has "$(cat out)" "from the shared cache"
    has "$(cat out)" "0 steps would run, 2 cached"
    sed -i 's/echo made/echo  made/' c/Dockerfile
    cbuild --dry-run --cache-from "$from" c >out
    has "$(cat out)" "1 step would run, 2 may, 2 cached"
    [ -z "$(find "$CBUILD_ROOT/layers" "$CBUILD_ROOT/records" -mindepth 1 2>/dev/null)" ] || die "something was taken"
}

# A machine that has never built it says why it has to.
t_why_it_runs_is_known_from_elsewhere() {
    example
    cbuild --cache-to "$to" c 2>log
    elsewhere b
    echo two >c/file
    cbuild --cache-from "$from" c 2>log
    has "$(cat log)" "ran: file changed"
}

t_layers_of_all_sorts_travel() {
    only root
    context c <<X
${base}RUN mkdir -p /d/e; echo x >/d/e/f; ln /d/e/f /d/g; touch -d @1.5 /d/e/f; touch -d 1960-01-01 /d/e
RUN rm -rf /d/e; mkdir /d/e; ln -s nothing /d/e/l; mkfifo /d/p; rm /bin/wc; mknod /d/n c 1 3; chmod 4711 /d/g; chown 7:8 /d/p
X
    set -- "type=local,src=$PWD/cache"
    cbuild --cache-to "type=local,dest=$PWD/cache" -o type=tar,dest=a.tar c 2>log
    CBUILD_ROOT=$CBUILD_ROOT-b cbuild --cache-from "$1" -o type=tar,dest=b.tar c 2>log
    has "$(cat log)" "0 steps run"
    cmp a.tar b.tar
    hasnt "$(cat log)" warning
    echo 'RUN ls -lR /d >/list' >>c/Dockerfile
    CBUILD_ROOT=$CBUILD_ROOT-c cbuild --cache-from "$1" c 2>log
    has "$(cat log)" "1 step run"
}

# What was done before a step failed is there for the next try, wherever that is.
t_a_build_that_fails_shares_what_it_has_done() {
    example
    sed -i 's/^COPY --from=0.*/RUN false/; /^FROM scratch$/{x;s/^/x/;/^xx$/{x;d};x}' c/Dockerfile
    fails 1 cbuild --cache-to "$to" c
    same "$(count cache)" 12
}

t_a_cache_that_cannot_be_used_fails_nothing() {
    example
    echo text >file
    cbuild --cache-from type=local,src=file --cache-to type=local,dest=file c 2>log
    has "$(cat log)" "/file' is not used"
    mkdir other
    echo x >other/x
    cbuild --cache-from type=local,src=nothing --cache-to type=local,dest=other c 2>log
    has "$(cat log)" "holds something other than an image layout"
    elsewhere b
    cbuild --cache-from type=local,src=nothing c 2>log
    same "$(grep -c "nothing': there is no such directory" log)" 1
    elsewhere d
    cbuild --cache-from type=local,src=first --cache-to type=local,dest=first c 2>log
    hasnt "$(cat log)" "no such directory"
}

# Who has noticed it has put it right: the next one takes all of it.
heals() {
    CBUILD_ROOT=$PWD/h$n cbuild --cache-from type=local,src=bad --cache-to type=local,dest=bad -o type=tar,dest=got.tar c 2>log
    CBUILD_ROOT=$PWD/i$n cbuild --cache-from type=local,src=bad -o type=tar,dest=got.tar c 2>log
    has "$(cat log)" "2 taken"
    hasnt "$(cat log)" "warning"
    rm -rf "h$n" "i$n"
}

# Every file of the cache in turn has one byte flipped: the image is right all the same.
t_damage_is_noticed() {
    example
    printf 'FROM scratch\nCOPY file /\nCOPY sub /sub\n' >c/Dockerfile
    mkdir c/sub
    seq 1 3000 >c/sub/numbers
    cbuild --cache-to "$to" -o type=tar,dest=right.tar c 2>log
    n=0
    for f in cache/index.json cache/blobs/sha256/*; do
        cp -a cache bad
        python3 - "bad/${f#cache/}" <<'X'
import os, sys
with open(sys.argv[1], "r+b") as f:
    at = os.path.getsize(sys.argv[1]) * 2 // 5
    f.seek(at)
    byte = f.read(1)[0]
    f.seek(at)
    f.write(bytes([byte ^ 1]))
X
        n=$((n + 1))
        CBUILD_ROOT=$PWD/s$n cbuild --cache-from type=local,src=bad -o type=tar,dest=got.tar c 2>log || die "$f: $(cat log)"
        cmp right.tar got.tar || die "$f: another result"
        rm -rf "s$n"
        [ $((n % 3)) != 2 ] || heals
        rm -rf bad
    done
    [ $n -ge 7 ]
}

# Of two that need the same at once, one executes it.
t_one_waits_for_the_other() {
    only root
    context c <<X
${base}RUN sleep 1; cat /proc/sys/kernel/random/uuid >/id
X
    set -- --cache-from "type=local,src=$PWD/cache" --cache-to "type=local,dest=$PWD/cache" c
    sed '$d' c/Dockerfile >first
    cbuild -f first "$@" 2>log
    CBUILD_ROOT=$CBUILD_ROOT-a cbuild --cache-wait --iidfile a "$@" 2>loga &
    pid=$!
    until grep -qs 'RUN sleep' loga; do sleep 0.1; done
    CBUILD_ROOT=$CBUILD_ROOT-b cbuild --cache-wait=30s --iidfile b "$@" 2>logb
    wait $pid
    has "$(cat logb)" "another machine executes it"
    has "$(cat logb)" "0 steps run"
    same "$(cat b)" "$(cat a)"
    # One that has died does not keep anybody for long.
    sed -i 's/sleep 1/sleep  1/' c/Dockerfile
    CBUILD_ROOT=$CBUILD_ROOT-a cbuild --cache-wait "$@" 2>loga &
    pid=$!
    until grep -qs 'RUN sleep' loga; do sleep 0.1; done
    kill -9 $pid
    wait $pid || true
    CBUILD_ROOT=$CBUILD_ROOT-b cbuild --cache-wait=1s "$@" 2>logb
    has "$(cat logb)" "1 step run"
    # One that has failed keeps nobody.
    sed -i 's/^RUN sleep.*/RUN false/' c/Dockerfile
    for n in a b; do
        CBUILD_ROOT=$CBUILD_ROOT-$n fails 1 cbuild --cache-wait=20s "$@"
        hasnt "$out" "another machine executes it"
    done
    fails 2 cbuild --cache-wait --cache-to "type=local,dest=$PWD/cache" c
    has "$out" "no shared cache can tell who executes what"
}
