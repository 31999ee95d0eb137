# How much of the machine a RUN may take, and what is said of one that wants more.

nap=$((3000000 + $$)) # seconds that nobody waits, and a number that no other case has

t_step_timeout() {
    context c <<X
${base}
X
    cbuild c 2>/dev/null # what the limit is not to meet
    context c <<X
${base}RUN trap 'echo asked to end; exit 0' TERM; (setsid sleep $nap &); while :; do sleep 0.05; done
X
    fails 1 cbuild --progress=plain --step-timeout 700ms c
    has "$out" "asked to end"
    has "$out" "did not complete successfully: it ran longer than --step-timeout 0.7s and was ended"
    has "$out" "Dockerfile:4"
    sed -i "s/trap .*/trap '' TERM; sleep $nap/" c/Dockerfile
    fails 1 cbuild --step-timeout 700ms c # it ignores the request
    has "$out" "it ran longer than --step-timeout 0.7s"
    for p in /proc/[0-9]*/cmdline; do
        # shellcheck disable=SC2015 # a process that has gone
        hasnt "$(tr '\0' ' ' 2>/dev/null <"$p" || true)" "sleep $nap"
    done
    sed -i 's/^RUN trap.*/RUN echo quick/' c/Dockerfile
    cbuild --step-timeout 1h c 2>/dev/null
    cbuild c 2>&1 | grep -q 'CACHED.*echo quick' || die "the limit is in the key"
}

# What prints without end fills neither a log nor the time; its beginning and its end are shown, its secrets are not.
t_endless_output() {
    echo 0123456789abcdef >key
    context c <<X
${base}RUN --mount=type=secret,id=k (yes "\$(cat /run/secrets/k) line" | head -c 3000000; echo the end; exit 3)
X
    export BUILDKIT_STEP_LOG_MAX_SIZE=100000
    for how in plain rawjson; do
        fails 1 cbuild --progress=$how --secret id=k,src=key c
        [ ${#out} -lt 6000000 ] || die "${#out} bytes are shown"
        hasnt "$out" "9abcdef line"
        has "$out" "exit code: 3"
    done
    fails 1 cbuild --progress=plain --secret id=k,src=key c
    has "$out" "[output clipped: more than 100000 bytes; its end follows]"
    has "$out" " bytes left out]"
    has "$out" " the end"
    [ ${#out} -lt 600000 ] || die "${#out} bytes are shown"
}

# A store without room: the step fails and says why, and the next one finds room again.
t_full_disk() {
    only root
    mkdir small
    mount -t tmpfs -o size=24m tmpfs small || skip "no file system can be mounted"
    trap 'umount small' EXIT
    context c <<X
${base}RUN dd if=/dev/zero of=/big bs=1M count=100
X
    fails 1 cbuild --root small/store c
    has "$out" "hint: a likely cause: the file system of the store is full"
    sed -i 's/count=100/count=1/' c/Dockerfile
    cbuild --root small/store c 2>/dev/null
    printf 'FROM scratch\nCOPY c /\nCOPY c/big /more\n' >Dockerfile
    head -c 30000000 /dev/urandom >c/big
    fails 1 cbuild --root small/store .
    has "$out" "No space left on device"
    cbuild --root small/store c -o type=local,dest=out 2>/dev/null
    [ "$(stat -c %s out/big)" = 1048576 ] || die "the store is damaged"
}

# Limits need control groups that are ours: root's are, in most places.
limited() { # limited ARGS…: a build that fails, with what it says in $out
    status=0
    out=$(cbuild --progress=plain "$@" 2>&1) || status=$?
    case $out in *"cannot be honoured: "*) skip "no control groups: $(echo "$out" | grep -m1 honoured)" ;; esac
    same "$status" 1
}
no_groups_left() {
    hasnt "$(find /sys/fs/cgroup -name 'cbuild-*' 2>/dev/null || true)" "/cbuild-"
}

t_memory_limit() {
    only root
    context c <<X
${base}RUN echo fits
RUN tail /dev/zero
X
    limited -m 20m c
    has "$out" "#4 [4/4] RUN tail /dev/zero"
    has "$out" "hint: killed: it used more than --memory 20m (peak 20.0 MiB)"
    has "$out" "Dockerfile:5"
    no_groups_left
    sed -i '$d' c/Dockerfile
    cbuild c 2>&1 | grep -q 'CACHED.*echo fits' || die "the limit is in the key"
}

t_process_limit() {
    only root
    context c <<X
${base}RUN bomb() { bomb | bomb & }; bomb; sleep 0.3; false
X
    limited --pids-limit 30 --cpus 1.5 --cpuset-cpus 0 --memory-reservation 10m -c 512 c
    has "$out" "hint: it wanted more than the 30 processes that --pids-limit allows"
    no_groups_left
    for beyond in '--cpuset-cpus 4095' '--cpuset-mems 4095' '--cpu-period 10' '--cpu-quota 1'; do
        # shellcheck disable=SC2086 # words
        fails 2 cbuild $beyond c
        has "$out" "$beyond: "
        has "$out" 'hint: it'
    done
    no_groups_left
    parent=/sys/fs/cgroup/cpuset/cbuild.test.$$
    [ -d /sys/devices/system/cpu/cpu1 ] || return 0
    mkdir $parent 2>/dev/null || return 0
    trap 'rmdir $parent' EXIT
    echo 0 >$parent/cpuset.cpus && echo 0 >$parent/cpuset.mems
    fails 2 cbuild --no-cache --cpuset-cpus 1 --cgroup-parent "/${parent##*/}" c
    has "$out" "--cpuset-cpus 1: the control group '$parent' has no 1"
    has "$out" "hint: its processors are 0"
}

# What a group counts of a step is the whole step's: here, two processes that are as large as both together.
t_counted_by_a_group() {
    only root
    context c <<X
${base}RUN for i in 1 2; do dd if=/dev/zero of=/dev/null bs=10M count=60 & done; wait; exit 1
X
    sed -i 's/; exit 1//' c/Dockerfile
    cbuild --metadata-file m.json -m 200m c 2>log || skip "no control groups: $(grep -m1 honoured log)"
    peak=$(jq '."cbuild.steps"[-1].maxRSS' m.json)
    [ "$peak" -gt 15000000 ] && [ "$peak" -lt 200000000 ] || die "peak $peak"
}

# An ordinary user in a group that root has given away; without one the answer is why not, and what would help.
t_delegated_groups() {
    only root
    needs setpriv
    home=$(mktemp -d /tmp/cbuild-delegated.XXXXXX) name=cbuild.test.$$
    trap 'rm -rf "$home"; rmdir /sys/fs/cgroup/$name /sys/fs/cgroup/*/$name 2>/dev/null || true' EXIT
    given=
    for top in /sys/fs/cgroup /sys/fs/cgroup/memory /sys/fs/cgroup/pids; do
        [ -e $top/cgroup.procs ] && mkdir $top/$name 2>/dev/null && chown -R 65533:65533 $top/$name && given="$given $top/$name"
    done
    [ "$given" ] || skip "no control groups can be made here"
    context "$home/c" <<X
${base}RUN echo runs; tail /dev/zero
X
    cp "$CBUILD" "$home/cbuild" && chown -R 65533:65533 "$home"
    as_user() { # as_user COMMAND…: in the group, where version 2 wants it so
        # shellcheck disable=SC2317 # by fails
        sh -euc 'for g in $0; do case $g in /sys/fs/cgroup/*/*) ;; *) echo $$ >$g/cgroup.procs ;; esac; done; exec "$@"' "$given" \
            setpriv --reuid 65533 --regid 65533 --clear-groups env HOME="$home" CBUILD_ROOT="$home/store" "$@"
    }
    parent=
    [ -e /sys/fs/cgroup/$name ] || parent="--cgroup-parent /$name"
    # shellcheck disable=SC2086 # words
    fails 1 as_user "$home/cbuild" --progress=plain $parent -m 20m --pids-limit 50 "$home/c"
    has "$out" " runs"
    has "$out" "hint: killed: it used more than --memory 20m (peak 20.0 MiB)"
    for g in $given; do hasnt "$(find "$g" -name 'cbuild-*')" "cbuild-"; done
    fails 1 setpriv --reuid 65533 --regid 65533 --clear-groups env HOME="$home" CBUILD_ROOT="$home/store" "$home/cbuild" -m 20m \
        "$home/c"
    has "$out" "--memory cannot be honoured: "
    has "$out" "hint: "
}

# What a build that was killed has left, the next one removes; what a build that runs has, it does not.
t_groups_of_the_dead() {
    only root
    context c <<X
${base}RUN echo waiting; sleep $nap
X
    "$CBUILD" --progress=plain --pids-limit 50 c >log 2>&1 &
    pid=$!
    trap 'kill -KILL $pid $other 2>/dev/null || true' EXIT
    other=
    wait_for 30 grep -q -e ' waiting$' -e honoured log
    ! grep -q honoured log || skip "no control groups"
    kill -KILL $pid
    wait $pid || true
    [ -d /run/systemd/system ] || [ "$(find /sys/fs/cgroup -name "cbuild-$pid-*")" ] || die "nothing was left"
    sed -i 's/echo/echo not/' c/Dockerfile
    "$CBUILD" --progress=plain --pids-limit 50 c >log 2>&1 &
    other=$!
    wait_for 30 grep -q ' not waiting$' log
    [ ! "$(find /sys/fs/cgroup -name "cbuild-$pid-*")" ] || die "the dead build's groups are there"
    sed -i "s/echo.*/true/" c/Dockerfile
    cbuild --pids-limit 50 c 2>/dev/null
    [ "$(find /sys/fs/cgroup -name "cbuild-$other-*")" ] || die "a running build's groups are gone"
    kill -TERM $other
    wait $other || true
    no_groups_left
}

# A build that runs no command needs no groups; one that does says why it has none.
t_limits_without_groups() {
    context c <<X
FROM scratch
COPY busybox /
X
    cbuild -m 100m c 2>/dev/null
    only range single
    printf '%sRUN true\n' "$base" >c/Dockerfile
    status=0
    out=$(cbuild -m 100m c 2>&1) || status=$?
    [ $status = 0 ] || has "$out" "--memory cannot be honoured: "
    case $out in *"as 'mkdir /sys/fs/cgroup/memory/NAME'"*)
        fails 1 cbuild --pids-limit 9 c
        has "$out" "as 'mkdir /sys/fs/cgroup/pids/NAME'"
        ;;
    esac
}

t_limits_of_a_command() {
    only root
    context c <<X
$base
X
    cbuild -t app c 2>/dev/null
    cbuild run -m 20m --pids-limit 50 app true 2>log || skip "no control groups: $(grep -m1 honoured log)"
    fails 137 cbuild run -m 20m app tail /dev/zero
    has "$out" "'tail': killed: it used more than --memory 20m (peak "
    fails 2 cbuild run --pids-limit 3 app sh -c 'for i in 1 2 3 4; do sleep 1 & done; exit 2'
    has "$out" "'sh': it wanted more than the 3 processes that --pids-limit allows"
    fails 125 cbuild run --memory 1m app true
}
