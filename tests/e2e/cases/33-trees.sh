# Where a store cannot have overlays a RUN works in a tree of real files. What becomes layers is the same.

# Each line leaves another kind of change; later ones meet what earlier ones left.
changes() {
    echo "$base"
    cat <<'X'
RUN mkdir -p /d/e /x/y && echo 1 > /d/e/f && echo 2 > /x/y/z && echo same > /d/same && ln /d/same /d/second && mkfifo /p
RUN chown 5:6 /d/e/f && adduser -D -H someone 2>/dev/null || echo someone:x:1000:1000::/:/bin/sh > /etc/passwd
RUN mv /x /moved && rm -r /moved/y && mkdir /moved/y && echo new > /moved/y/new
RUN rm /d/e/f && mkdir /d/e/f && echo 3 > /d/e/f/inner
COPY busybox /d/e/copied
RUN chmod 700 /d/e/copied && rm -r /d/e/f && echo a file again > /d/e/f
RUN touch -d '2001-02-03 04:05:06' /d/e/f && ln -s /nowhere /link && chmod 1777 /d
RUN cp -p /d/e/f /d/e/g && mv /d/e/g /d/e/f
RUN dd if=/dev/zero of=/sparse bs=1M seek=20 count=0 2>/dev/null && rm -f /link && ln -s /else /link
RUN --mount=type=cache,target=/c --mount=type=tmpfs,target=/t --mount=type=bind,from=busybox-stage,rw,target=/b \
    echo > /c/x && echo > /t/x && touch /b/x && test -x /b/bin/busybox
RUN test ! -e /b/x && test ! -e /x && test "$(cat /moved/y/new)" = new
X
}
trees_context() {
    mkdir c
    cp /bin/busybox c/busybox
    {
        printf 'FROM scratch AS busybox-stage\nCOPY busybox /bin/busybox\n'
        changes
    } >c/Dockerfile
}

t_the_same_layers_as_an_overlay() {
    only root
    trees_context
    cbuild c 2>log || { cat log; die "failed"; }
    hasnt "$(cat log)" "copy of its files"
    has "$(cat "$CBUILD_ROOT/snapshot")" overlay
    ls "$CBUILD_ROOT/layers" >expected
    status=0
    in_place docker-privileged sh -c "cp -r c /tmp/c && cd /tmp && '$CBUILD' --root store c && ls store/layers >layers && cp layers '$PWD' &&
        '$CBUILD' --root store c 2>&1 && sed -i 's/inner/other/' c/Dockerfile && '$CBUILD' --root store c && ls store/work >'$PWD/work'" \
        >log 2>&1 || status=$?
    [ $status != 77 ] || skip "this machine cannot give a container"
    [ $status = 0 ] || { cat log; die "status $status"; }
    has "$(cat log)" "copy of its files"
    has "$(cat log)" "not supported as upperdir"
    hasnt "$(cat log)" /proc/self
    has "$(cat log)" "0 steps run"
    same "$(cat work)" ""
    diff expected layers
}

# The rest of the first build is not run again: what a tree shows is what its layers say.
t_a_tree_from_layers() {
    only root
    trees_context
    status=0
    # shellcheck disable=SC2016 # for the shell in there
    in_place docker-privileged sh -c '
        cp -r c /tmp/c && cd /tmp && echo "RUN ls -lRn /d /moved /link /p /sparse > /all" >>c/Dockerfile
        "$0" --root store c 2>/dev/null && ls store/layers >one
        echo "RUN ls -lRn /d /moved /link /p /sparse > /all2 && cmp /all /all2 && rm /all2" >>c/Dockerfile
        "$0" --root store --progress plain c && ls store/layers >two && [ "$(diff one two | grep -c "^>")" = 0 ]' "$CBUILD" \
        >log 2>&1 || status=$?
    [ $status != 77 ] || skip "this machine cannot give a container"
    [ $status = 0 ] || { cat log; die "status $status"; }
}

# Commands work where --run-root says, on another file system than the store's; nothing of it stays, and the layers are the same.
t_a_run_root_elsewhere() {
    elsewhere=$(mktemp -d /dev/shm/cbuild-run.XXXXXX) || skip "there is no /dev/shm"
    trap 'rm -rf "$elsewhere"' EXIT
    [ "$(stat -c %d "$elsewhere")" != "$(stat -c %d .)" ] || skip "/dev/shm is on the file system of the store"
    trees_context
    cbuild c 2>log || { cat log; die "failed"; }
    ls "$CBUILD_ROOT/layers" >expected
    cbuild --root other --run-root "$elsewhere/new" c 2>log || { cat log; die "failed"; }
    ls other/layers | diff expected -
    same "$(ls other/work "$elsewhere/new/work")" "$elsewhere/new/work:

other/work:"
    sed -i s/inner/other/ c/Dockerfile
    has "$(CBUILD_RUN_ROOT=$elsewhere/new cbuild --root other c 2>&1)" "8 steps run"
    has "$(cbuild --root other --runroot "$elsewhere/new" c 2>&1)" "0 steps run"
    mkdir -m 777 "$elsewhere/open"
    chmod 777 "$elsewhere/open"
    cbuild -q --root other --run-root "$elsewhere/open" --no-cache c >/dev/null
    same "$(stat -c %a "$elsewhere/open/cbuild-$(id -u)")" 700
    rm -r "$elsewhere/open/cbuild-$(id -u)"
    ln -s "$elsewhere/new" "$elsewhere/open/cbuild-$(id -u)"
    fails 1 cbuild --root other --run-root "$elsewhere/open" c
    has "$out" "run root '$elsewhere/open/cbuild-$(id -u)': there is a file where a directory should be"
    has "$out" "another directory with --run-root"
    chmod 1777 "$elsewhere/open"
    rm "$elsewhere/open/cbuild-$(id -u)"
    mkdir "$elsewhere/open/cbuild-$(id -u)"
    chmod 777 "$elsewhere/open/cbuild-$(id -u)"
    fails 1 cbuild --root other --run-root "$elsewhere/open" c
    has "$out" "others may write to the run root: '$elsewhere/open/cbuild-"
    has "$out" "another directory with --run-root"
    fails 1 cbuild --root other --run-root "$PWD/c/Dockerfile" c
    has "$out" "run root '$PWD/c/Dockerfile': there is a file where a directory should be"
    cbuild --root other cache reset --force >/dev/null
}

# A store that cannot have overlays, as in most containers, has them with a run root on a volume or a tmpfs.
t_a_run_root_for_a_store_without_overlays() {
    only root
    trees_context
    cbuild c 2>log || { cat log; die "failed"; }
    ls "$CBUILD_ROOT/layers" >expected
    status=0
    # shellcheck disable=SC2016 # for the shell in there
    in_place docker-privileged sh -c 'cp -r c /tmp/c && mkdir /tmp/t && mount -t tmpfs tmpfs /tmp/t && cd /tmp && export CBUILD_RUN_ROOT=t &&
        "$0" --root store c && ls store/layers >layers && cp layers store/snapshot "$OLDPWD" && sed -i s/inner/other/ c/Dockerfile &&
        "$0" --root store c && "$0" --root store doctor && "$0" --root store run --help >/dev/null' "$CBUILD" >log 2>&1 || status=$?
    [ $status != 77 ] || skip "this machine cannot give a container"
    [ $status = 0 ] || { cat log; die "status $status"; }
    hasnt "$(cat log)" "copy of its files"
    has "$(cat log)" "8 steps run, 6 cached"
    has "$(cat log)" "yes, in /tmp/t/cbuild-0"
    has "$(cat snapshot)" overlay
    diff expected layers
}

# Where no command can be run, nothing is said of how its files would be kept.
t_no_word_of_copies_where_nothing_runs() {
    only root
    context c <<X
$base
X
    status=0
    in_place kubernetes-restricted sh -c "cp -r c /tmp/c && '$CBUILD' --root /tmp/s /tmp/c" >log 2>&1 || status=$?
    [ $status != 77 ] || skip "this machine cannot give a container"
    same "$status" 1
    has "$(cat log)" "RUN needs namespaces"
    hasnt "$(cat log)" "copy of its files"
}
