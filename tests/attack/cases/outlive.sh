# Processes that want to be there when their step is over: they would change layers, keep mounts, and watch later steps.

# Each holds a lock of a shared cache mount; when its step is over nobody holds it any longer, and the next step says so.
left_behind() { # left_behind TRICK…
    box c outlive <<Y
${base}ARG TRICK
RUN --mount=type=cache,target=/c /a/outlive \$TRICK /c/lock
RUN --mount=type=cache,target=/c /a/outlive none /c/lock
Y
    for trick in "$@"; do
        attack --build-arg TRICK="$trick" c
        same "$trick: $status" "$trick: 0"
        held "left behind: $trick" "nobody is left"
    done
}

# The usual ones: a daemon's double fork, a new session, the death signal cleared, a reaper of one's own.
t_daemons() {
    left_behind plain deep session deathsig subreaper
}
# All signals ignored and blocked, stopped, traced by another one, memory that is locked.
t_signals_that_are_not_heard() {
    left_behind ignore stopped traced locked
}
# Waiting in the kernel: for a vfork'ed child, for a pipe; many threads; a main thread that has ended (a zombie that lives).
t_waiting_in_the_kernel() {
    left_behind vfork pipe threads main-thread-ends
}
# Many at once.
t_many_processes() {
    left_behind bomb
}

# A sibling of PID 1 in the builder's own tree (CLONE_PARENT) would be the builder's child.
t_sibling_of_the_first_process() {
    not_on chroot # there is no PID namespace
    box c outlive <<Y
${base}RUN ["/a/outlive", "clone-parent", "/lock"]
Y
    attack c
    held "a sibling of PID 1: EINVAL"
}

# Out of the cgroup of the build, which is how a supervisor would end it; or limits put on the builder by it.
t_cgroups() {
    box c tries <<Y
${base}RUN for d in /sys/fs/cgroup \$(find /sys/fs/cgroup -maxdepth 2 -type d | head -n 20); do \
 /a/tries write \$d/cgroup.procs 1; /a/tries write \$d/cgroup.subtree_control +memory; /a/tries write \$d/tasks 1; \
 /a/tries write \$d/cgroup.kill 1; /a/tries mkdir \$d/attack; done
Y
    attack c
    same "$status" 0
    held "write /sys/fs/cgroup/cgroup.procs" "mkdir /sys/fs/cgroup/attack"
}

# The same when the builder is killed: nothing of the step is left, whatever it and its PID 1 did about signals.
t_builder_is_killed() {
    for command in '/a/outlive ignore /c/lock; while :; do sleep 1; done' 'exec /a/outlive first /c/lock'; do
        box c outlive <<Y
${base}RUN --mount=type=cache,target=/c $command
Y
        for signal in KILL TERM INT; do
            # A shell ignores SIGINT for what it starts in the background; a terminal does not.
            python3 -c 'import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])' "$CBUILD" --build-context tools="$ATTACK_TOOLS/root" c >log 2>&1 &
            pid=$!
            wait_for 30 sh -c 'lock=$(find "$CBUILD_ROOT" -name lock 2>/dev/null); test -e "$lock" && ! flock -x -n "$lock" true'
            kill -$signal $pid
            wait $pid || true
            wait_for 20 sh -c 'flock -x -n "$(find "$CBUILD_ROOT" -name lock 2>/dev/null)" true' # a chroot has it elsewhere meanwhile
            find "$CBUILD_ROOT" -name lock -delete 2>/dev/null || true # overlay keeps directories that only root may read
        done
        unharmed log
    done
}

# The child of a step that fails, that is stopped by --network=none's end, and of one whose output is closed.
t_step_that_fails() {
    box c outlive <<Y
${base}RUN --mount=type=cache,target=/c /a/outlive ignore /c/lock; exec >&- 2>&-; exit 3
Y
    refused c
    has "$out" "exit code: 3"
    lock=$(find "$CBUILD_ROOT/mounts" -name lock)
    flock -x -n "$lock" true || die "a process is left"
}
