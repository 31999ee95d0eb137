# What of the kernel is in reach: system calls, /proc, /sys, devices, core dumps.

# Each of these calls has led out of a container once (CVE-2022-0185 fsconfig, CVE-2022-0492 unshare and cgroups,
# CVE-2016-0728 keyctl, io_uring, userfaultfd, bpf, perf …), in each of the machine's tables of calls.
t_system_calls_of_every_table() {
    box c calls <<Y
${base}RUN ["/a/calls"]
Y
    attack c
    same "$status" 0
    held "unshare user" "clone user" "clone3" "setns" "keyctl" "io_uring_setup" "userfaultfd" "bpf" "open_by_handle_at" "kexec_load"
    [ "$(uname -m)" != x86_64 ] || held "32-bit unshare user" "x32 unshare user"
}

# The same for a user that is not root inside: fewer capabilities, and no other answers.
t_system_calls_of_another_user() {
    only root range
    box c calls <<Y
${base}USER 1234:1234
RUN ["/a/calls"]
Y
    attack c
    same "$status" 0
    held "unshare user" "bpf"
}

# CVE-2014-9357 and "shocker": files of the host opened by a handle, which is an inode number and can be guessed.
t_guessed_file_handles() {
    not_on chroot # the tree of a step is the disk's own file system: handles are made, and none is opened
    box c handle <<Y
${base}RUN ["/a/handle"]
RUN --mount=type=cache,target=/c cd /c && /a/handle
Y
    attack c
    same "$status" 0
    held "open_by_handle_at: EPERM" "name_to_handle_at"
}

# Everything below /proc/sys and /sys that can be opened for writing: uevent_helper, core_pattern, modprobe, release_agent,
# kexec, power, module parameters, and what nobody has thought of.
t_nothing_of_proc_and_sys_is_writable() {
    not_on chroot # both are empty directories
    box c writable <<Y
${base}RUN /a/writable /proc/sys /proc/bus /proc/fs /proc/irq /proc/sysrq-trigger /proc/kcore /proc/mtrr
RUN /a/writable /sys
Y
    attack c
    same "$status" 0
    same "$(grep -ac 'HELD: tried' attack.out)" 2
}

# CVE-2019-19921 and the classics: what the kernel runs as root of the host, by name.
t_programs_that_the_kernel_starts() {
    box c tries <<Y
${base}RUN for f in /proc/sys/kernel/core_pattern /proc/sys/kernel/modprobe /proc/sys/kernel/hotplug /proc/sys/kernel/poweroff_cmd \
 /sys/kernel/uevent_helper /sys/fs/cgroup/release_agent /sys/fs/cgroup/notify_on_release /proc/sysrq-trigger /sys/power/state \
 /sys/kernel/kexec_crash_size /proc/1/attr/current; do /a/tries write \$f '|/a/say'; done; \
 for f in /proc/sys /proc/sysrq-trigger /proc /sys /sys/fs/cgroup /proc/kcore; do /a/tries remount \$f; /a/tries umount \$f; done; \
 mkdir -p /m; for t in proc sysfs cgroup cgroup2 debugfs tracefs securityfs bpf configfs devtmpfs overlay fuse; do /a/tries mount \$t /m; done; \
 for d in /sys/fs/cgroup/escape /sys/kernel/config/x /sys/fs/bpf/x; do /a/tries mkdir \$d; done
Y
    pattern=$(cat /proc/sys/kernel/core_pattern)
    attack c
    same "$status" 0
    held "write /proc/sys/kernel/core_pattern" "write /proc/sysrq-trigger" "remount /proc/sys" "umount /proc/sysrq-trigger" \
        "mount cgroup" "mount debugfs" "mkdir /sys/fs/cgroup/escape"
    same "$(cat /proc/sys/kernel/core_pattern)" "$pattern"
}

# What tells of the kernel's memory and of other users: kernel log, memory, keys, timers, symbols.
t_secrets_of_the_kernel() {
    box c tries <<Y
${base}RUN for f in /proc/kcore /proc/keys /proc/timer_list /proc/sched_debug /proc/latency_stats; do \
 [ ! -e \$f ] || [ "\$(head -c 64 \$f | wc -c)" = 0 ] || /a/say reached "\$f has content"; done; \
 for f in /dev/mem /dev/kmem /dev/port /dev/kmsg /proc/kmsg /dev/fuse /dev/net/tun /dev/kvm /dev/loop-control /sys/kernel/debug/x \
 /sys/firmware/dmi/tables/DMI; do /a/tries read \$f; done; \
 [ "\$(ls /sys/firmware | wc -l)\$(ls /proc/scsi /proc/acpi 2>/dev/null | grep -vc :)" = 00 ] || /a/say reached "a masked directory has content"; \
 [ ! -e /proc/kallsyms ] || ! head -n 50 /proc/kallsyms | grep -v '^00000000' || /a/say reached kallsyms
Y
    attack c
    same "$status" 0
    held "read /dev/mem" "read /dev/kmsg" "read /proc/kmsg"
}

# A device made inside (CAP_MKNOD is Docker's default), and the whole disk read through it.
t_devices_made_inside() {
    box c tries <<Y
${base}RUN i=0; for n in 'c 1 1' 'c 1 2' 'c 1 4' 'c 1 11' 'b 8 0' 'b 7 0' 'b 254 0' 'b 259 0' 'c 10 229' 'c 10 232' 'c 5 1' 'c 4 0' 'c 1 3'; do \
 for d in / /dev /dev/shm /t /c; do i=\$((i + 1)); /a/tries mknod \$d/n\$i \$n; done; done
RUN --mount=type=tmpfs,target=/t --mount=type=cache,target=/c for d in /t /c; do /a/tries mknod \$d/m b 8 0; /a/tries mknod \$d/k c 1 1; done
Y
    attack c
    same "$status" 0
    held "mknod //n1:" "mknod /dev/n2:" "mknod /t/m:" "mknod /c/k:"
}

# A process that crashes writes what the machine's core_pattern says, as itself and inside; an environment that holds a
# secret must not get into a layer by that.
t_core_dumps() {
    box c <<Y
${base}RUN --mount=type=secret,id=s,env=WORD ulimit -c; sh -c 'ulimit -c; kill -SEGV \$\$'; cp /proc/self/environ /dev/null; ls /
RUN ["/a/say", "held", "crashed"]
Y
    printf 'word-that-no-layer-has' >word
    ASAN_OPTIONS=${ASAN_OPTIONS:-}:disable_coredump=0
    export ASAN_OPTIONS
    (ulimit -c unlimited 2>/dev/null; attack --secret id=s,src=word c && echo "$status" >status)
    same "$(cat status)" 0
    held_in attack.out crashed
    no_text word-that-no-layer-has
}

# ptrace, process_vm_readv and pidfd_getfd reach processes of one's own only, of which there are none but one's own.
t_other_processes_memory() {
    not_on chroot "root of a container" # there is no /proc, or the container's, as mounts/partly_covered_proc has it
    box c <<Y
${base}RUN n=0; for p in /proc/[0-9]*; do [ "\${p#/proc/}" = \$\$ ] || [ "\${p#/proc/}" = self ] || n=\$((n + 1)); done; \
 [ \$n -lt 3 ] || /a/say reached "\$n processes are seen"; /a/say held "\$(grep -c . /proc/self/status) lines"
RUN --network=none cat /proc/net/unix | wc -l; /a/say held net
Y
    attack c
    same "$status" 0
}

# The nodes of /dev are the host's own: their mode, owner and times, and new names beside them.
t_metadata_of_device_nodes() {
    not_on chroot # they are made for the step
    box c tries <<Y
${base}RUN for n in null zero full random urandom tty; do /a/tries chmod /dev/\$n; /a/tries chown /dev/\$n; done; \
 touch -d 2001-01-01 /dev/null; ln /dev/null /dev/own 2>&1; rm -f /dev/zero 2>&1; mv /dev/full /dev/gone 2>&1; true
Y
    nodes=$(stat -c '%n %a %u:%g %y' /dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty)
    attack c
    same "$status" 0
    held "chmod /dev/null: EROFS" "chown /dev/zero: EROFS"
    same "$(stat -c '%n %a %u:%g %y' /dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty | sed 's,^/dev/tty .*,,')" \
        "$(echo "$nodes" | sed 's,^/dev/tty .*,,')"
}

# What a system mounts in /sys for its administrator is readable for root of a container where the host's /sys is shown.
t_file_systems_of_the_administrator() {
    not_on chroot "root of a container" # where this case cannot mount
    only root
    box c tries <<Y
${base}RUN for d in debug tracing security config; do /a/tries read /sys/kernel/\$d/canary; done; /a/tries read /sys/fs/bpf/canary; \
 /a/tries read /sys/fs/pstore/canary; cat /sys/kernel/*/canary /sys/fs/*/canary; /a/say held looked
Y
    cat >covered <<'Y'
for d in kernel/debug kernel/tracing kernel/security kernel/config fs/bpf fs/pstore; do
    [ ! -d /sys/$d ] || { mount -t tmpfs x /sys/$d && echo "$secret" >/sys/$d/canary && echo "/sys/$d" >>mounted; }
done
[ -s mounted ] && exec "$@"
Y
    status=0
    secret=$secret unshare -m sh covered timeout 90 "$CBUILD" --progress=plain --build-context tools="$ATTACK_TOOLS/root" c \
        >attack.out 2>&1 </dev/null || status=$?
    unharmed attack.out
    same "$status" 0
    out=$(cat attack.out)
    held looked
}

# The keys of whoever builds: of the login session and of the user. Seccomp refuses the calls; without it, the step is in a
# session and a user namespace that have none of them.
t_keys_of_the_caller() {
    keys=$ATTACK_TOOLS/programs/keys
    status=0
    "$keys" add true || status=$?
    [ "$status" != 77 ] || skip "no keys can be made here"
    box c keys <<Y
${base}ARG NUMBERS
RUN ["/a/keys"]
RUN /a/keys \$NUMBERS
Y
    cat >with-keys <<'Y'
NUMBERS=$(awk '/cbuild-canary/ { print $1 }' /proc/keys | tr '\n' ' ')
exec timeout 90 "$CBUILD" --progress=plain --build-context tools="$ATTACK_TOOLS/root" --build-arg NUMBERS="$NUMBERS" "$@" c
Y
    for option in --cap-add=net_admin --security-opt=seccomp=unconfined; do
        status=0
        "$keys" add /bin/sh with-keys "$option" >attack.out 2>&1 </dev/null || status=$?
        out=$(cat attack.out)
        unharmed attack.out
        same "$status" 0
        held "key of the session" "key of the user" "key by request"
        [ ! -s /proc/keys ] || held "key by number" # covered in some containers, and then not known
    done
}

# With CAP_SYS_ADMIN a step can make mounts writable again: what others use later is not among them.
t_mounts_with_more_capabilities() {
    not_on chroot # nothing is mounted
    box c tries <<Y
FROM scratch AS one
COPY a/say /one/say
${base}RUN --mount=from=one,target=/m --mount=target=/ctx for d in /m /ctx /proc/sys /sys; do mount -o remount,bind,rw \$d; touch \$d/x; done; \
 echo changed >/m/one/say; /a/say held tried
RUN --mount=from=one,target=/m [ "\$(head -c 7 /m/one/say)" != changed ] || /a/say reached "the layer of another step"; /a/say held compared
RUN --mount=target=/ctx [ ! -e /ctx/x ] || /a/say reached "the context's layer"; /a/say held looked
Y
    attack --cap-add SYS_ADMIN c
    same "$status" 0
    held tried compared looked
}
