# Mounts: where they are made, what they show, and what is swapped under them meanwhile.

# CVE-2021-30465 (runc): a parallel container swaps the target of a mount for a link. Here a RUN of another build swaps
# directories of a shared cache mount while others mount secrets, tmpfs and directories below it and enter it.
t_targets_swapped_by_a_parallel_step() {
    not_on chroot # nothing is mounted, and a cache is one step's at a time
    box c swap <<Y
${base}RUN --mount=type=cache,id=shared,target=/c /a/swap /c d ../../../../../../../../..$CASE_DIR/beside /c/stop
Y
    "$CBUILD" --progress=plain --build-context tools="$ATTACK_TOOLS/root" c >swap.out 2>&1 &
    swapper=$!
    trap 'kill $swapper' EXIT
    wait_for 30 sh -c 'test -e "$(find "$CBUILD_ROOT/mounts" -name stop.ready 2>/dev/null)"'
    stop=$(find "$CBUILD_ROOT/mounts" -name stop.ready 2>/dev/null) || true # what is swapped meanwhile is an error for find
    trap 'touch "${stop%.ready}"; wait $swapper' EXIT
    box v <<Y
ARG N
FROM scratch AS base
COPY --from=tools / /
COPY a/ /a/
ARG N
ENV N=\$N
FROM base AS secret
RUN --mount=type=cache,id=shared,target=/c --mount=type=secret,id=s,target=/c/d/text cat /c/d/* 2>/dev/null; true
FROM base AS tmpfs
RUN --mount=type=cache,id=shared,target=/c --mount=type=tmpfs,target=/c/d/new/deep touch /c/d/new/deep/x; true
FROM base AS bind
RUN --mount=type=cache,id=shared,target=/c --mount=target=/c/d/run,source=a/say echo x >/c/d/run; true
FROM base AS cache
RUN --mount=type=cache,id=shared,target=/c --mount=type=cache,target=/c/d/new,id=b touch /c/d/new/x; true
FROM base AS source
RUN --mount=type=cache,id=shared,source=d,target=/c ls /c; cat /c/*; true
FROM base AS workdir
WORKDIR /c/d
RUN --mount=type=cache,id=shared,target=/c pwd; ls; cat text run; touch made; true
Y
    echo s >s
    for n in 1 2 3 4; do
        for target in secret tmpfs bind cache source workdir; do
            attack --build-arg N=$n --secret id=s,src=s --target $target v
        done
    done
    touch "${stop%.ready}"
    wait $swapper
    trap - EXIT
    held_in swap.out swapped
    unharmed swap.out
}

# CVE-2024-23651 and CVE-2024-23652 (BuildKit): links below a cache mount lead a source, or the removal of a mount point,
# to the host. Absolute ones, many "..", and the ones of /proc.
t_links_in_mount_targets_and_sources() {
    box c <<Y
${base}RUN --mount=type=cache,target=/c ln -s $CASE_DIR/beside /c/abs; ln -s ../../../../../../../../../..$CASE_DIR/beside /c/up; \
 ln -s /proc/1/root /c/root; ln -s /proc/self/cwd /c/cwd; ln -s /proc/self/fd/5/../../../../beside /c/fd
Y
    attack c
    same "$status" 0
    for link in abs root up cwd fd; do
        for mount in "type=cache,target=/m,source=$link" "type=cache,target=/c,id=/c --mount=type=tmpfs,target=/c/$link/new" \
            "type=cache,target=/c --mount=type=secret,id=s,target=/c/$link/new/s" "type=cache,target=/c --mount=target=/c/$link/text,source=a/say"; do
            box d <<Y
${base}RUN --mount=$mount /bin/cat /m/* /c/$link/* 2>/dev/null; true
Y
            echo s >s
            attack --secret id=s,src=s d
            case $link in up | cwd | fd) break ;; esac
        done
    done
}

# CVE-2024-1753 (buildah): the source of a bind mount is a link in a stage or in the context, and shows the host's root.
t_sources_that_are_links() {
    {
        printf 'FROM scratch AS base\nCOPY --from=tools / /\nFROM base AS links\nRUN mkdir /l; cd /l; '
        printf 'ln -s / root; ln -s %s abs; ln -s ../../../../../../../../../../..%s up; ' "$CASE_DIR/beside" "$CASE_DIR/beside"
        printf 'ln -s /proc/1/root/ proc; ln -s /proc/self/fd/6/../../.. fd\n'
        for link in root abs up proc fd; do
            printf 'FROM base AS %s\nRUN --mount=from=links,source=/l/%s,target=/m ls /m; cat /m/text /m/run /m%s/text; true\n' $link $link "$CASE_DIR/beside"
            printf 'FROM base AS %s-rw\nRUN --mount=from=links,source=/l/%s,target=/m,rw ls /m; cat /m/text; echo x >/m/text; true\n' $link $link
            printf 'FROM base AS %s-context\nRUN --mount=source=l/%s,target=/m ls /m; cat /m/text /m/run; echo x >/m/text; true\n' $link $link
            printf 'FROM base AS %s-cache\nRUN --mount=type=cache,from=links,source=/l/%s,target=/m,id=%s ls /m; cat /m/text; true\n' $link $link $link
        done
    } | box c
    mkdir c/l
    ln -s / c/l/root && ln -s "$CASE_DIR/beside" c/l/abs && ln -s ../../../beside c/l/up && ln -s /proc/self/root c/l/proc && ln -s /dev/fd/6 c/l/fd
    for link in root abs up proc fd; do
        for kind in -context '' -rw -cache; do
            attack --target $link$kind c
            case $link$kind in up | fd | root) break ;; esac
        done
    done
}

# The name of a cache mount is a name in the store, and its source a path in it.
t_names_of_cache_mounts() {
    for mount in id=../../beside id=/../../../beside id=.. id=. 'id=../layers' "source=../../../beside" "source=../../layers" \
        "id=$(printf 'x%.0s' $(seq 600))" 'id=a/../../../beside'; do
        box c <<Y
${base}RUN --mount=type=cache,target=/m,$mount ls /m; cat /m/text; echo x >/m/planted; true
Y
        attack c
        rm -rf c
    done
}

# Targets that are the sandbox's own places: a mount over /proc, /dev, /sys or / would take masks away, or hide the root.
t_targets_of_the_sandbox() {
    for target in / /proc /proc/sys /proc/1 /proc/self/fd/3 /dev /dev/null /sys /etc/hosts /.. /proc/self/exe; do
        box c tries <<Y
${base}RUN --mount=type=tmpfs,target=$target /a/tries write /proc/sys/kernel/core_pattern x; /a/tries write /proc/sysrq-trigger h; true
Y
        attack c
        rm -rf c
    done
}

# An image whose /proc, /sys, /dev or /etc are links: the kernel's file systems would come to lie where the image wants them,
# and what the sandbox writes to /etc/hosts would go elsewhere.
t_links_in_place_of_system_directories() {
    for dir in proc sys dev etc etc/hosts etc/resolv.conf run tmp dev/shm; do
        box c <<Y
${base}COPY tree/ /
RUN --mount=type=secret,id=s echo x; ls -l /$dir; cat /$dir; echo x >/$dir; true
Y
        mkdir -p "c/tree/$(dirname $dir)"
        ln -s "../../../../../../../../../../..$CASE_DIR/beside/text" "c/tree/$dir"
        echo s >s
        attack --secret id=s,src=s c
        rm -rf c
    done
}

# In a container whose own /proc is partly covered the kernel refuses a fresh one. Then the outer one is shown, which must be
# read-only: the oom_score_adj of this user's other processes is theirs.
t_partly_covered_proc() {
    not_on chroot "root without user namespaces" # no /proc; one that is all its own
    sleep 1000 &
    victim=$!
    python3 -I -S -c 'import threading, time; threading.Thread(target=time.sleep, args=(1000,)).start()' &
    threads=$!
    trap 'kill $victim $threads' EXIT
    wait_for 10 test -e "/proc/$threads/task"
    wait_for 10 sh -c "[ \$(ls /proc/$threads/task | wc -l) = 2 ]"
    thread=$(ls /proc/$threads/task | grep -vx "$threads")
    box c tries <<Y
${base}RUN /a/tries write /proc/$victim/oom_score_adj 1000; /a/tries write /proc/1/oom_score_adj 1000; /a/tries write /proc/self/oom_score_adj 1000; \
 /a/tries write /proc/$victim/comm x; /a/tries write /proc/sys/kernel/core_pattern x; /a/tries write /proc/sysrq-trigger h; \
 /a/tries write /proc/$victim/clear_refs 1; /a/tries write /proc/self/comm x; /a/tries remount /proc; \
 for f in environ mem root/ fd/0 cwd/ exe maps auxv pagemap cmdline; do /a/tries read /proc/$victim/\$f; done; \
 /a/tries read /proc/$threads/cmdline; /a/tries read /proc/$thread/cmdline; \
 for o in ro nosuid nodev noexec; do grep ' /proc ' /proc/mounts | head -n 1 | grep -qw \$o && /a/say held "proc is \$o"; done; true
Y
    score=$(cat /proc/$victim/oom_score_adj)
    # An ordinary user makes the mount as root of a first user namespace and builds as itself in a second one.
    outer=-m inner='' cover='mount --bind /dev/null /proc/version &&'
    [ "$E2E_RUNG" != "root of a container" ] || outer='' cover='' # it is covered there
    [ "$E2E_USER" = root ] || outer=-Urm inner="unshare -U --map-user=$(id -u) --map-group=$(id -g)"
    status=0
    unshare $outer sh -c "$cover exec $inner \"\$@\"" sh \
        timeout 90 "$CBUILD" --progress=plain --build-context tools="$ATTACK_TOOLS/root" c >attack.out 2>&1 </dev/null || status=$?
    unharmed attack.out
    same "$status" 0
    out=$(cat attack.out)
    held "write /proc/$victim/oom_score_adj" "write /proc/sys/kernel/core_pattern" "write /proc/self/comm" "remount /proc" \
        "read /proc/$victim/environ" "read /proc/$victim/cmdline" "read /proc/$thread/cmdline" "proc is ro" "proc is nosuid" "proc is nodev" "proc is noexec"
    same "$(cat /proc/$victim/oom_score_adj)" "$score"
    same "$(grep -ac 'RUN sees the /proc' attack.out)" 1 # it is said, and once
}

# Where mounts are shared (systemd makes them so), what the host mounts below /sys came into a RUN that was there already, and
# with the host's flags: debugfs and tracefs, which root of a container may write to.
t_mounts_that_the_host_makes_later() {
    not_on chroot "root of a container" # where this case cannot mount
    only root
    box c tries <<Y
${base}RUN --mount=type=cache,target=/c touch /c/started; for i in \$(seq 200); do [ -e /c/mounted ] && break; sleep 0.05; done; \
 cat /sys/module/late; /a/tries write /sys/module/late x; /a/tries mkdir /sys/module/dir; grep -c /sys/module /proc/mounts; true
Y
    cat >later <<'Y'
mount --make-rshared / || exit 1
"$@" >attack.out 2>&1 </dev/null &
for i in $(seq 200); do started=$(find "$CBUILD_ROOT/mounts" -name started 2>/dev/null) && [ -n "$started" ] && break; sleep 0.05; done
mount -t tmpfs late /sys/module && echo "$secret" >/sys/module/late && touch "$(dirname "$started")/mounted"
wait $!
Y
    status=0
    secret=$secret unshare -m sh later timeout 90 "$CBUILD" --progress=plain --build-context tools="$ATTACK_TOOLS/root" c || status=$?
    unharmed attack.out
    same "$status" 0
    out=$(cat attack.out)
    held "write /sys/module/late" "mkdir /sys/module/dir"
}

# A cache is told from another by its id, owner and mode: an id whose line ends say what the others' owner would is another.
t_ids_that_look_like_other_caches() {
    box c <<Y
${base}ARG LINES
RUN --mount=type=cache,id=x,uid=7,target=/c echo private >/c/private
RUN --mount=type=cache,id=\$LINES,target=/c test ! -e /c/private && /a/say held other
Y
    attack --build-arg "LINES=$(printf 'x\n755:7:0')" c
    same "$status" 0
    held other
}
