# Builds that are stopped, killed or many at once.

nap=$((1000000 + $$)) # seconds that nobody waits, and a number that no other case has

# The processes whose command line holds the text.
holding() {
    for p in /proc/[0-9]*/cmdline; do
        line=$(tr '\0' ' ' 2>/dev/null <"$p") || continue
        case $line in *"$1"*) echo "${p%/cmdline}: $line" ;; esac
    done
}
no_mounts() {
    hasnt "$(cat /proc/self/mounts)" "$CBUILD_ROOT"
}
nothing_half_made() { # after a build that swept
    for w in "$CBUILD_ROOT"/work/*; do [ ! -e "$w" ] || die "left in the store: $w"; done
}
slow_build() { # slow_build NUMBER: a build that waits in its RUN, in the background as $pid
    context c <<X
${base}RUN echo made > /made; echo waiting; sleep $1; echo woke
X
    # A shell ignores SIGINT for what it starts in the background; a terminal does not.
    env -i PATH="$PATH" HOME="$HOME" CBUILD_ROOT="$CBUILD_ROOT" ASAN_OPTIONS="${ASAN_OPTIONS:-}" python3 -c '
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])' "$CBUILD" --progress=plain c >log 2>&1 &
    pid=$!
    trap 'kill -KILL $pid 2>/dev/null || true' EXIT
    wait_for 30 grep -q ' waiting$' log
    # shellcheck disable=SC2086 # words
    wait_for 10 eval '[ "$(holding "sleep '$1' ")" ]'
}
interrupted() { # interrupted CONTEXT [TEXT]: ended a second after the output has the text; else it takes the hours that a case has not
    "$CBUILD" --progress=plain "$1" >log 2>&1 &
    pid=$!
    trap 'kill -KILL $pid 2>/dev/null || true' EXIT
    [ $# = 1 ] || wait_for 30 grep -q "$2" log
    sleep 1
    kill -TERM $pid
    status=0 && wait $pid || status=$?
    same "$status" 143
}
next_build_works() { # next_build_works NUMBER
    sed -i "s/sleep $1; //" c/Dockerfile
    rootfs c
    same "$(cat root/made)" made
    no_mounts
}

t_ctrl_c() {
    slow_build $nap
    kill -INT $pid
    status=0 && wait $pid || status=$?
    same "$status" 130
    wait_for 5 eval '[ -z "$(holding "sleep $nap ")" ]'
    no_mounts
    nothing_half_made
    next_build_works $nap
    nothing_half_made
}

# A sparse file costs nothing to make; each of its bytes has to be hashed. That can be stopped, and ends before it begins
# where it would take hours.
t_stopped_while_a_huge_file_is_hashed() {
    context step <<X
${base}RUN echo waiting; truncate -s 900G /huge
X
    interrupted step ' waiting$'
    mkdir copied && truncate -s 900G copied/huge
    printf 'FROM scratch\nCOPY huge /\n' >copied/Dockerfile
    interrupted copied
    no_mounts
    sed -i 's/900G/2048G/' step/Dockerfile
    truncate -s 2048G copied/huge
    for c in step copied; do
        fails 1 cbuild $c
        has "$out" "'/huge' has 2199023255552 bytes: a file in a layer cannot have more than 1099511627776"
    done
}

# As a shell with job control has it: cbuild and its steps stop, and go on.
t_ctrl_z() {
    context c <<X
${base}RUN echo waiting; (sleep $nap & setsid sleep $nap) & i=0; while [ \$i -lt 30 ]; do sleep 0.05; i=\$((i + 1)); done; echo woke
X
    cat >shell.py <<'X'
import os, re, signal, sys, time
def states(text):
    found = []
    for p in os.listdir("/proc"):
        try:
            if p.isdigit() and text in open(f"/proc/{p}/cmdline").read().replace("\0", " "):
                found.append(open(f"/proc/{p}/stat").read().rpartition(")")[2].split()[0])
        except OSError:
            pass
    return found
def until(what, condition):
    for _ in range(600):
        if condition():
            return
        time.sleep(0.05)
    sys.exit(f"{what} does not happen: {states(nap)}")
def woke():
    return re.search(r"^#3 [0-9.]+ woke$", open("log").read(), re.M)
nap = f"sleep {sys.argv[2]} "
started, away = time.monotonic(), 0
if os.fork():
    sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))
os.setsid()
pid = os.fork()
if pid == 0:
    os.setpgid(0, 0)
    log = os.open("log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(log, 2)
    os.execv(sys.argv[1], [sys.argv[1], "--progress=plain", "c"])
until("the step", lambda: " waiting" in (open("log").read() if os.path.exists("log") else "") and states(nap))
for _ in range(2):
    stopped = time.monotonic()
    os.kill(pid, signal.SIGTSTP)
    assert os.WIFSTOPPED(os.waitpid(pid, os.WUNTRACED)[1])
    until("stopping", lambda: set(states(nap)) == {"T"})
    time.sleep(1)
    assert not woke()
    away += time.monotonic() - stopped
    os.kill(pid, signal.SIGCONT)
    until("going on", lambda: "T" not in states(nap))
assert os.waitpid(pid, 0)[1] == 0 and woke()
took = float(re.search(r"^#3 DONE ([0-9.]+)s", open("log").read(), re.M).group(1))
assert took < time.monotonic() - started - away + 0.1, took
X
    python3 shell.py "$CBUILD" $nap || { cat log >&2; die "it did not stop or go on"; }
}

t_terminated() {
    slow_build $nap
    kill -TERM $pid
    status=0 && wait $pid || status=$?
    same "$status" 143
    wait_for 5 eval '[ -z "$(holding "sleep $nap ")" ]'
    next_build_works $nap
}

t_killed() {
    slow_build $nap
    kill -KILL $pid
    wait $pid || true
    wait_for 5 eval '[ -z "$(holding "sleep $nap ")" ]'
    wait_for 5 eval '[ -z "$(holding "$CBUILD_ROOT")" ]'
    no_mounts
    next_build_works $nap
    wait_for 5 nothing_half_made
}

# A pager that shows its first page, a terminal after Ctrl-S: who reads there is waited for, but not with the end.
t_ended_while_nobody_reads() {
    context c <<X
${base}RUN i=0; while [ \$i -lt 1500 ]; do i=\$((i + 1)); echo "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa \$i"; done; sleep $nap
X
    cat >display.py <<'X'
import os, pty, sys
unread = os.pipe()
pid = pty.fork()[0] if sys.argv[1] == "terminal" else os.fork()
if pid == 0:
    if sys.argv[1] == "pipe":
        os.dup2(unread[1], 2)
    os.execv(sys.argv[2], sys.argv[2:])
open("pid", "w").write(str(pid))
os._exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) & 255)
X
    for display in "pipe plain" "pipe rawjson" "terminal plain"; do
        rm -f pid
        python3 display.py "${display% *}" "$CBUILD" "--progress=${display#* }" c >log 2>&1 &
        display_pid=$!
        wait_for 30 eval '[ "$(holding "sleep $nap ")" ]'
        pid=$(cat pid)
        trap 'kill -KILL $pid 2>/dev/null || true' EXIT
        sleep 0.1
        kill -TERM "$pid"
        wait_for 5 eval '[ -z "$(holding "sleep $nap ")" ]'
        status=0 && wait $display_pid || status=$?
        same "$status" 143
    done
    no_mounts
}

t_hung_up_terminal() {
    slow_build $nap
    kill -HUP $pid
    status=0 && wait $pid || status=$?
    same "$status" 129
    wait_for 5 eval '[ -z "$(holding "sleep $nap ")" ]'
}

# Pipes that nobody writes to, or reads.
t_stopped_while_a_pipe_is_waited_for() {
    context c <<X
${base}RUN --mount=type=secret,id=s true
X
    context plain <<X
FROM scratch
COPY busybox /
X
    mkfifo pipe silent
    exec 8<>silent
    for args in "-f pipe c" "-f /dev/stdin c" "-f - c" - "--secret id=s,src=pipe c" "--iidfile pipe plain" \
        "-o type=tar,dest=pipe plain" "-o type=oci,dest=pipe plain"; do
        # shellcheck disable=SC2086 # several words
        "$CBUILD" $args <silent >log 2>&1 &
        pid=$!
        trap 'kill -KILL $pid 2>/dev/null || true' EXIT
        sleep 1
        kill -TERM $pid
        status=0 && wait $pid || status=$?
        [ "$status" = 143 ] || die "status $status of '$args': $(cat log)"
    done
}

# As under nohup, or started with & by a shell: what was ignored before cbuild began stays so in all its processes. A command of
# RUN knows nothing of it.
t_what_was_ignored_stays_ignored() {
    context c <<X
${base}RUN grep SigIgn /proc/self/status; echo waiting; until [ -e /go/on ]; do sleep 0.1; done; echo woke
X
    mkdir go
    (trap '' HUP INT TERM && exec "$CBUILD" --root "$CBUILD_ROOT" --progress=plain --volume "$PWD/go:/go" c >log 2>&1) &
    pid=$!
    wait_for 30 grep -q ' waiting$' log
    processes=$(holding "$CBUILD_ROOT" | cut -d: -f1)
    [ "$(echo "$processes" | wc -w)" -ge 3 ] || die "no helper and no job among: $processes"
    for p in $processes; do
        for signal in HUP INT TERM; do kill -$signal "$(basename "$p")" 2>/dev/null || die "$signal has ended processes: $(cat log)"; done
    done
    touch go/on
    wait $pid || { cat log; die "the build was ended"; }
    has "$(cat log)" woke
    has "$(cat log)" "$(printf 'SigIgn:\t0000000000000000')"
}

t_single_flight_executes_once() {
    context c <<X
${base}RUN --mount=type=cache,target=/count echo x >> /count/n; sleep 1; wc -l < /count/n > /runs
X
    for i in 1 2 3; do cbuild -q c >id$i 2>log$i & done
    wait
    same "$(cat id1)" "$(cat id2)"
    same "$(cat id1)" "$(cat id3)"
    rootfs c
    same "$(cat root/runs)" 1
}

t_waiter_takes_over_when_the_first_dies() {
    slow_build $nap
    "$CBUILD" --progress=plain c >log2 2>&1 &
    two=$!
    sleep 0.5
    kill -KILL $pid
    wait $pid || true
    wait_for 20 grep -q ' waiting$' log2
    kill -TERM $two
    wait $two || true
    wait_for 5 eval '[ -z "$(holding "sleep $nap ")" ]'
}

t_failed_step_stops_the_others() {
    context c <<X
FROM scratch AS base
COPY busybox /bin/busybox
RUN ["/bin/busybox", "--install", "-s", "/bin"]
FROM base AS slow
RUN sleep $nap && touch /a
FROM base AS bad
RUN sleep 0.3; exit 5
FROM base
COPY --from=slow /a /a
COPY --from=bad /b /b
X
    fails 1 cbuild -j 4 c # the slow step would take longer than the case may
    has "$out" "exit code: 5"
    wait_for 5 eval '[ -z "$(holding "sleep $nap ")" ]'
}

# What it uses stays, the base that is needed only later included.
t_prune_beside_a_build() {
    slow_build $nap
    cbuild prune --all >/dev/null
    fails 1 cbuild cache reset --force
    has "$out" "a build is using the store"
    sleeper=$(holding "sleep $nap ")
    kill -KILL "$(basename "${sleeper%%:*}")" # its shell goes on
    wait $pid || { cat log; die "the build failed"; }
    cbuild prune --all >/dev/null
    next_build_works $nap
}

# Builds of few different things and prunes of all, again and again: nobody fails, and what is built is right.
t_builds_and_prunes_at_once() {
    only root
    context c <<X
${base}COPY n /n
RUN cat /n >/m
RUN --mount=type=cache,target=/c,sharing=locked cat /m >/c/k && cat /c/k /m >/k
X
    mkdir many
    for i in 1 2 3; do cp -a c many/$i && echo $i >many/$i/n; done
    # shellcheck disable=SC2317 # in the background
    builds() {
        for round in 1 2 3; do
            i=$(((round + $1) % 3 + 1))
            cbuild -o "type=tar,dest=out$1.tar" "many/$i" 2>"log$1" || { cat "log$1"; return 1; }
            [ "$(tar -xOf "out$1.tar" k | tr '\n' ' ')" = "$i $i " ] || { echo "wrong: $i"; return 1; }
        done
    }
    jobs=
    for n in 1 2 3 4; do
        builds "$n" >"said$n" 2>&1 &
        jobs="$jobs $!"
    done
    while :; do cbuild prune --all >pruned 2>&1 || { cat pruned >>failed; }; done &
    pruner=$!
    for job in $jobs; do wait "$job" || touch wrong; done
    kill $pruner
    wait $pruner || true
    [ ! -e wrong ] && [ ! -e failed ] || die "$(cat said* failed 2>/dev/null)"
}
