# Root in a container that allows neither namespaces nor mounts (Docker's defaults): RUN works in a chroot.

in_docker() { # in_docker COMMAND…: its output is in ./log
    status=0
    in_place docker "$@" >log 2>&1 || status=$?
    [ $status != 77 ] || skip "this machine cannot give a container"
}
docker_context() {
    context c
    cat >tries.c <<'X'
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
static void tried(const char *what, int r)
{
    printf("%s: %s\n", what, r < 0 ? strerror(errno) : "DONE");
}
int main(void)
{
    int seen = 0, traced = 0;
    mkdir("/deep", 0755);
    tried("chroot", chroot("/deep"));
    rmdir("/deep");
    tried("device", mknod("/disk", S_IFBLK | 0600, makedev(8, 0)));
    for (int pid = 1; pid < 5000; pid++) {
        if (pid != getpid() && pid != getppid()) {
            seen += kill(pid, 0) == 0;
            traced += ptrace(PTRACE_SEIZE, pid, 0, 0) == 0;
        }
    }
    printf("processes signalled: %d, traced: %d\n", seen, traced);
    return 0;
}
X
    gcc -static -O1 -o c/tries tries.c
}

# What a step may do to the container, and what it leaves running.
t_what_a_chroot_keeps_apart() {
    only root
    docker_context <<X
${base}COPY tries /
RUN /tries && for i in 1 2 3 4 5 6 7 8; do test ! -e /proc/\$i || exit 1; done; rm /tries
RUN (setsid sh -c 'trap "" TERM HUP; while :; do echo still >>/written; done' & ) && sleep 0.1; test -s /written
RUN hop() { (sleep 0.01; hop) & exit; }; hop
RUN before=\$(wc -c </written) && sleep 0.1 && test "\$before" = "\$(wc -c </written)"
RUN head -c 4 /dev/urandom >/four && echo lost >/dev/null && test ! -s /dev/null && test -c /dev/null
USER 1000:1000
RUN test "\$(id -u)" = 1000 && ! touch /not-mine 2>/dev/null && echo theirs >/dev/shm/x
USER 0
RUN --mount=type=secret,id=s test "\$(cat /run/secrets/s)" = hidden && ls -l /run/secrets/s && echo more >>/etc/hosts
RUN grep -q processor /proc/cpuinfo && test -s /proc/meminfo && test -s /proc/stat && test ! -e /proc/self && test ! -e /proc/sys
RUN test ! -e /run && ! grep more /etc/hosts && ls -A /dev /proc /sys && test ! -e /dev/shm/x
RUN --network=none true
X
    echo hidden >secret
    in_docker sh -c "cp -r c secret /tmp && cd /tmp && '$CBUILD' --root store --progress plain --secret id=s,src=secret c; r=\$?; ps -ef
        find store -name secrets; ls store/work; exit \$r"
    same "$status" 1
    for said in 'seccomp filter of the surrounding container' 'RUN works in a chroot' 'chroot: Operation not permitted' \
        'device: Operation not permitted' 'network of a command.s own .* needs namespaces'; do
        grep -q "$said" log || die "'$said' is not in: $(cat log)"
    done
    # Signals: Landlock keeps them in, since Linux 6.12.
    [ "$(awk -F. '{ print $1 * 1000 + $2 }' /proc/sys/kernel/osrelease)" -lt 6012 ] ||
        has "$(cat log)" "processes signalled: 0, traced: 0"
    same "$(sed -n '/^UID/,$p' log | grep -c '^root')" 2 # the shell and ps
    ! grep '^store' log || die "something stays in the store"
}

# The same layers as where there are namespaces; mounts are what they are elsewhere, and nothing of them stays.
t_the_same_layers_in_a_chroot() {
    only root
    docker_context <<X
FROM scratch AS tools
COPY busybox /bin/busybox
$base
RUN mkdir -p /d/e && echo 1 >/d/f && ln /d/f /d/g && mkfifo /d/p && chown 7:8 /d/f && chmod 4755 /d/g && touch /d/e/x
RUN mv /d/e /moved && rm /d/p && mkdir /d/p && echo new >/d/p/inner && echo 127.0.0.1 a >>/etc/passwd
RUN --mount=type=cache,target=/cache --mount=type=tmpfs,target=/scratch --mount=type=bind,from=tools,target=/t/deep \
 --mount=type=bind,source=busybox,target=/b \
 echo >>/cache/n && wc -l </cache/n >/lines && echo >/scratch/x && test -x /t/deep/bin/busybox && cmp /b /bin/busybox
RUN --mount=type=cache,target=/cache test "\$(cat /lines)" = 1 && echo >>/cache/n && test ! -e /scratch && test ! -e /t && test ! -e /b
RUN rm -rf /d && mkdir /d && chmod 1777 /d
RUN <<Y
echo "by a script" >/script
Y
WORKDIR /w/x
USER 5:6
RUN touch mine; id -G >/tmp-groups || true
X
    cbuild c 2>log || { cat log; die "failed"; }
    ls "$CBUILD_ROOT/layers" >expected
    in_docker sh -c "cp -r c /tmp && cd /tmp && '$CBUILD' --root store c && ls store/layers >'$PWD/layers' && find store/mounts -name n -size 2c | wc -l &&
        ls /d /w /cache 2>&1"
    grep -q '^1$' log || die "$(cat log)"
    diff expected layers || die "$(cat log)"
}

# An agent's socket is put in its place as a file is, and nothing of it stays.
t_an_agent_in_a_chroot() {
    only root
    needs ssh-agent
    eval "$(ssh-agent -a "$PWD/agent")" >/dev/null
    trap 'kill $SSH_AGENT_PID' EXIT
    context c <<X
${base}RUN --mount=type=ssh test -S "\$SSH_AUTH_SOCK" && ! touch "\$SSH_AUTH_SOCK/x"
RUN test ! -e /run
X
    in_docker "$CBUILD" --root store --progress plain --ssh default="$PWD/agent" c
    same "$status" 0 || die "$(cat log)"
}

# Being told to end, and the end of the builder itself, end what its steps have running.
t_a_chroot_is_stopped() {
    only root
    context c <<X
${base}RUN (setsid sleep 777 &) ; (setsid sleep 778 &); sleep 776
X
    # shellcheck disable=SC2016 # for the shell in there
    in_docker sh -c '
        cp -r c /tmp && cd /tmp
        for signal in TERM KILL; do
            "$0" --root store c & builder=$!
            until ps -ef | grep -q "[s]leep 776"; do sleep 0.05; done
            kill -$signal $builder; wait $builder
            for i in $(seq 100); do ps -ef | grep -q "[s]leep 77" || break; sleep 0.05; done
            ps -ef | grep "[s]leep 77" && exit 1
        done; exit 0' "$CBUILD"
    same "$status" 0 || die "$(cat log)"
}

# What was asked for and cannot be had is no rung's to leave out.
t_confinement_that_a_chroot_cannot_give() {
    only root
    context c <<Y
${base}ARG DO=true
RUN \$DO
Y
    printf '{"defaultAction": "SCMP_ACT_ALLOW"}' >c/profile
    cat >refused <<'Y'
--security-opt seccomp=c/profile|--security-opt seccomp= cannot be honoured
--security-opt mask=/etc|--security-opt mask= cannot be honoured
--security-opt label=role:r|SELinux is not in use
--volume /etc:/x|--volume cannot be honoured .*hint: what a RUN only reads, --build-context
--cap-add NET_ADMIN|--cap-add NET_ADMIN cannot be honoured: cbuild itself does not have NET_ADMIN here .*hint: in a container, run that with
--cap-add ALL|--cap-add ALL cannot be honoured: cbuild itself does not have DAC_READ_SEARCH,
--memory 1g|--memory cannot be honoured
--pids-limit 9|--pids-limit cannot be honoured
--cpus 1|--cpus cannot be honoured
--shm-size 1m|--shm-size cannot be honoured
--build-arg DO=cat\ /dev/stdin|hint: a likely cause: RUN has no /proc in a chroot
Y
    # shellcheck disable=SC2016 # for the shell in there
    in_docker sh -c '
        while IFS="|" read -r args said; do
            eval "\"$0\" $args --root /tmp/s c" >out 2>&1 && echo "done: $args"
            tr "\n" " " <out | grep -q -e "$said" || { echo "not said for $args: $said"; cat out; }
        done <refused
        "$0" --cap-drop CHOWN --cap-add mknod --security-opt apparmor=unconfined --security-opt label=disable \
            --security-opt no-new-privileges --security-opt seccomp=unconfined --root /tmp/s c' "$CBUILD"
    [ "$status" = 0 ] || die "$(cat log)"
    ! grep -e '^done:' -e '^not said' log || die "$(cat log)"
}

# What a hostile image or step could do where nothing but a directory keeps it: devices of an image, a directory of another step
# that is handed over, other names for a secret, a mount in a mount.
t_a_chroot_is_attacked() {
    only root
    gcc -static -O1 -Wall -Werror -o climb "$E2E_HERE/climb.c"
    base=$(echo "$base" | sed '1s/$/ AS stage/')
    docker_context <<X
$base
COPY climb /bin/
ADD dev.tar /
RUN mkdir -p /a/b /s
FROM stage AS devices
RUN test -e /d/zero && test "\$(head -c 1 /d/zero | wc -c)" = 0
RUN --mount=type=bind,from=stage,source=/d,target=/e ! test -e /e/zero
RUN --mount=type=cache,from=stage,source=/d,target=/e ! test -e /e/zero
RUN --mount=type=cache,target=/a --mount=type=tmpfs,target=/a/b true
RUN test -d /a/b
RUN --mount=type=secret,id=s test -s /run/secrets/s && ln /run/secrets/s /s/link && mv /run /moved
RUN test ! -s /s/link && test ! -s /moved/secrets/s && ! grep -r canary-4 /s /moved
RUN <<Y
#!/bin/sh
echo executed >/executed
Y
RUN grep executed /executed
FROM stage AS sends
USER 1000
RUN climb send
FROM stage AS climbs
RUN climb take
FROM scratch
COPY --from=devices /executed /1
COPY --from=sends /bin/busybox /2
COPY --from=climbs /bin/busybox /3
X
    cp climb c
    python3 -c 'import tarfile
i = tarfile.TarInfo("d/zero")
i.type, i.devmajor, i.devminor, i.mode = tarfile.CHRTYPE, 1, 5, 0o666
tarfile.open("c/dev.tar", "w").addfile(i)'
    echo canary-4711 >secret
    in_docker sh -c "cp -r c secret /tmp && cd /tmp && echo theirs >outside && chmod 600 outside &&
        '$CBUILD' --root store --progress plain --secret id=s,src=secret c && stat -c 'outside %a' outside && ! grep -r canary-4711 store"
    ! grep REACHED log || die "$(cat log)"
    [ "$status" = 0 ] || die "$(cat log)"
    has "$(cat log)" 'HELD: nobody came'
    has "$(cat log)" 'outside 600'
}

# A cache that lies in the tree is not lost with the step: whether that moves it elsewhere, or is ended, or the builder is.
t_caches_come_home_from_a_chroot() {
    only root
    docker_context <<X
FROM scratch AS start
COPY f /sub/dir/f
${base}ARG DO
RUN --mount=type=cache,target=/a/cache --mount=type=cache,target=/part,id=part,source=/sub/dir,from=start sh -c "\$DO"
X
    echo seed >c/f
    # shellcheck disable=SC2016 # for the shell in there
    in_docker sh -c '
        cp -r c /tmp && cd /tmp
        build() { "$0" --root store --progress plain --build-arg DO="$1" c >log 2>&1; }
        build "echo kept >/a/cache/kept; echo more >/part/more" || { cat log; exit 1; }
        for signal in TERM KILL; do
            "$0" --root store --progress plain --build-arg DO="mv /a /b$signal; mv /part /c$signal; sleep 775" c & builder=$!
            until ps -eo args= | grep -q "^sleep 775"; do sleep 0.05; done
            kill -$signal $builder; wait $builder
            build "cat /a/cache/kept /part/more /part/f; echo $signal" || { cat log; exit 1; }
            [ $(grep -c -e " kept$" -e " more$" -e " seed$" log) = 3 ] || { echo lost by $signal; cat log; exit 1; }
        done
        build "mv /a /moved; mv /part /moved/part; echo new >/etc/hosts; rm /etc/resolv.conf; echo >/etc/resolv.conf; ls /moved" || { cat log; exit 1; }
        build "cat /a/cache/kept /part/more; ls -d /moved || true" || { cat log; exit 1; }
        echo "found $(grep -c -e "No such file" -e " kept$" log), left $(ls store/work | wc -l)"' "$CBUILD"
    has "$(cat log)" 'found 2, left 0'
}

# Secrets of a build that was killed go with the next one, which need not run anything, and may fail.
t_the_next_build_removes_secrets() {
    only root
    docker_context <<X
${base}ARG DO=true
RUN --mount=type=secret,id=s ln /run/secrets/s /other; sh -c "\$DO"
X
    echo hidden-in-there >secret
    # shellcheck disable=SC2016 # for the shell in there
    in_docker sh -c '
        cp -r c secret /tmp && cd /tmp
        set -- "$0" --root store --run-root work --secret id=s,src=secret --progress plain c
        "$@" || exit 1
        for more in "" "--target none"; do
            "$@" --build-arg DO="sleep 771" & builder=$!
            until ps -eo args= | grep -q "^sleep 771"; do sleep 0.05; done
            kill -KILL $builder; wait $builder
            (cd work/work && flock ./*.lock true)
            [ $(grep -rl hidden-in work | wc -l) = 2 ] || { echo "nothing was left: nothing is tried"; exit 1; }
            "$@" $more
            ! grep -rl hidden-in store work || exit 1
        done' "$CBUILD"
    [ "$status" = 0 ] || die "$(cat log)"
    has "$(cat log)" "0 steps run, 3 cached"
}

# Other names of a cache's files, in the tree: who writes to the cache later does not write to the tree, nor to its layer.
t_links_into_a_cache_are_severed() {
    only root
    docker_context <<X
${base}RUN echo 1 >/mine && chown 5:6 /mine && chmod 4751 /mine && mkdir /d
RUN --mount=type=cache,target=/cache echo 1 >/cache/f && chown 7:8 /cache/f && ln /cache/f /d/f && ln /cache/f /d/g && ln /mine /cache/mine
RUN --mount=type=cache,target=/cache echo 2 >>/cache/f && echo 2 >>/cache/mine
RUN test "\$(echo \$(cat /d/f /d/g /mine))" = "1 1 1" && test "\$(echo \$(stat -c %u:%g:%a /mine /d/f /d/g))" = "5:6:4751 7:8:644 7:8:644"
X
    in_docker sh -c "cp -r c /tmp && cd /tmp && '$CBUILD' --root store --progress plain c"
    [ "$status" = 0 ] || die "$(cat log)"
}

# Whatever it does, a step's last process ends with it; and what was stopped with the build goes on with it, or ends.
t_a_chroot_leaves_no_straggler() {
    only root
    gcc -static -O1 -Wall -Werror -o straggle "$E2E_HERE/straggle.c"
    docker_context <<X
${base}COPY --chmod=755 straggle /
RUN /straggle hop
USER 41234
RUN /straggle bomb
RUN /straggle hop && /straggle bomb
USER 0
RUN setsid sleep 773 & sleep 774
X
    cp straggle c
    # shellcheck disable=SC2016 # for the shell in there
    in_docker sh -c '
        states() { ps -eo stat=,args= | sed -n "s/^\(.\).* sleep 77[34]$/\1/p" | sort -u; }
        becomes() { for i in $(seq 200); do [ "$(states)" = "$1" ] && return; sleep 0.05; done; echo "not $1: $(states)"; ps -ef; }
        cp -r c /tmp && cd /tmp
        python3 -c "import os, sys; os.setpgid(0, 0); os.execv(sys.argv[1], sys.argv[1:])" "$0" --root store --progress plain c & builder=$!
        becomes S
        ps -eo args= | grep "[s]traggle bomb"
        kill -TSTP $builder; becomes T
        kill -CONT $builder; becomes S
        kill -TSTP $builder; becomes T
        kill -KILL $builder; becomes ""
        ps -eo args= | grep "[s]traggle"; true' "$CBUILD"
    ! grep -E "^not |^/straggle" log || die "$(cat log)"
}

# Two builds at once, with caches in common, and one that is killed: nothing of the container outside of the store is another
# than in a container in which nothing was built.
t_a_chroot_leaves_the_containers_root_alone() {
    only root
    docker_context <<X
${base}ARG N
RUN --mount=type=cache,target=/cache --mount=type=cache,target=/locked,sharing=locked echo \$N | tee -a /cache/n /locked/n /etc/passwd /n >/etc/hostname
RUN rm -rf /usr /root /var; mkdir /usr; sleep \$N
X
    listed() { "$E2E_HERE/../tools/container" docker -b "$CASE_DIR" -b "$(dirname "$CBUILD")" -c "$@"; }
    listed before -- true || skip "this machine cannot give a container"
    # shellcheck disable=SC2016 # for the shell in there
    listed after -- sh -c 'cp -r c /tmp && cd /tmp
        "$0" --root store --build-arg N=772 c & killed=$!
        for i in $(seq 200); do ps -ef | grep -q "[s]leep 772" && break; sleep 0.05; done
        "$0" --root store --build-arg N=0 c & zero=$!
        "$0" --root store --build-arg N=0.1 c && wait $zero || exit 1
        kill -KILL $killed; wait $killed
        "$0" --root store --build-arg N=0.2 c || exit 1
        cat store/mounts/*/*/n | sort | uniq -c' "$CBUILD" >log 2>&1 || die "$(cat log)"
    diff before after
    same "$(sed -n 's/^ *\([0-9]* [0-9.]*\)$/\1/p' log | tr '\n' ' ')" "2 0 2 0.1 2 0.2 2 772 "
}

# Where the host name is not ours to set: a default is done without, a name that was asked for is not.
t_a_host_name_that_was_asked_for() {
    only root
    context c <<X
${base}RUN true
X
    for place in docker podman; do
        status=0
        # shellcheck disable=SC2016 # for the shell in there
        in_place $place sh -c '
            export CBUILD_ROOT=/tmp/s
            "$0" --progress plain --build-arg BUILDKIT_SANDBOX_HOSTNAME=asked -t i c && "$0" --no-cache c 2>default &&
                "$0" run i true && ! "$0" run --hostname other i true && ! grep BUILDKIT_ default' "$CBUILD" >log 2>&1 || status=$?
        [ $status != 77 ] || skip "this machine cannot give a container"
        same "$status" 0 || die "$place: $(cat log)"
        same "$(grep -c "BUILDKIT_SANDBOX_HOSTNAME: 'asked' is not the host name" log)" 1 || die "$place: $(cat log)"
        has "$(cat log)" "--hostname other cannot be honoured"
    done
}
