# What is different where less is allowed, and how it is said.

# All capabilities of a user namespace are worth nothing there when it has one id and setgroups(2) is denied.
t_uid_0_that_is_not_root() {
    context c <<X
${base}RUN id -u > /id && touch /f
USER 5
X
    unshare -Ur "$CBUILD" -o type=tar,dest=root.tar c 2>log || die "$(cat log)"
    has "$(cat log)" "has one id only, as 'unshare -r' makes it"
    same "$(tar -xOf root.tar id)" 0
    echo 'RUN [ $(id -u) = 5 ]' >>c/Dockerfile
    unshare -Ur "$CBUILD" c 2>log || die "$(cat log)"
    fails 1 unshare -Ur prlimit --rttime=9999999 "$CBUILD" --no-cache c
    has "$out" "become user '5' (5:0): Invalid argument"
    has "$out" "only uid 0 and gid 0 exist here: the user namespace that cbuild was started in has one id only"
}

# A container's root as podman's and Docker's defaults have it: no right to mount, but to be everybody.
contained() { setpriv --bounding-set=-sys_admin,-sys_ptrace,-sys_module,-net_admin,-sys_rawio,-dac_read_search "$@"; }

# What a RUN can do with owners, modes and capabilities; whatever runs it, the image is the same.
everybody() {
    context c <<X
${base}RUN mkdir /d && touch /d/f /d/g && chown 7:8 /d/f && chown -h 9 /d && chmod 4711 /d/g && mkfifo /d/p && ln -s f /d/l \
 && chown -h 70000:70001 /d/l && echo 'u:x:5:6::/home:/bin/sh' >>/passwd && mkdir -m 700 /home && chown 5:6 /home
USER 5:6
RUN touch /home/mine && id -u
COPY --chown=1234:5678 busybox /there
X
}

t_root_of_a_container() {
    only root
    everybody
    id=$(cbuild -q c)
    same "$(contained "$CBUILD" -q --no-cache c 2>log)" "$id"
    same "$(cat log)" ''
}

t_root_that_lacks_capabilities() {
    only root
    everybody
    setpriv --bounding-set=-sys_admin,-setfcap "$CBUILD" c 2>log || die "$(cat log)"
    has "$(cat log)" "note: root lacks the capability to have itself in a user namespace (since Linux 5.12)"
    has "$(cat log)" "RUN works in a chroot"
    fails 1 setpriv --bounding-set=-sys_admin,-setfcap,-sys_chroot "$CBUILD" --no-cache c
    has "$out" "note: root lacks the capability to have itself in a user namespace (since Linux 5.12)"
    has "$out" "hint: root lacks the capability"
    id=$(cbuild -q c)
    setpriv --bounding-set=-sys_admin,-setuid,-chown "$CBUILD" --no-cache c 2>log || die "$(cat log)"
    same "$(setpriv --bounding-set=-sys_admin,-setuid,-chown "$CBUILD" -q c)" "$id"
    has "$(cat log)" "note: root lacks capabilities here, so it can neither give files to other users nor become them"
    has "$(cat log)" "'--cap-add CHOWN,SETUID'"
    hasnt "$(cat log)" subuid
}

# What root can make and open, and whether chroot(2) leads out: the kernel keeps everybody in who has a root of his own.
escapes() {
    cat >climb.c <<'X'
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
int main(void)
{
    struct stat inside, up;
    if (stat("/", &inside) < 0 || mkdir("/deep", 0755) < 0 || chroot("/deep") < 0)
        return 1;
    for (int i = 0; i < 100; i++)
        if (chdir("..") < 0)
            return 1;
    if (chroot(".") < 0 || stat("/", &up) < 0)
        return 1;
    puts(inside.st_ino == up.st_ino && inside.st_dev == up.st_dev ? "kept in" : "CLIMBED OUT");
    return 0;
}
X
    gcc -static -O1 -o climb climb.c
    context e <<X
${base}COPY climb /
RUN --mount=type=tmpfs,target=/t --mount=type=cache,target=/c /climb && for d in / /dev /dev/shm /t /c; do \
 mknod \$d/node c 1 5 && ! head -c 1 \$d/node >/dev/null || exit 1; rm \$d/node; done
RUN echo x 2>/dev/null >/proc/sys/kernel/hostname || head -c 1 /dev/zero && ls -l /proc/self/exe
X
    cp climb e/
}

t_root_without_user_namespaces() {
    only root
    needs crun
    everybody
    escapes
    id=$(cbuild -q c)
    for place in chroot no-userns; do
        same "$(in_place $place "$CBUILD" -q --no-cache c 2>log)" "$id" || die "$place: $(cat log)"
        in_place $place "$CBUILD" --progress=plain --shm-size=1m --no-cache e >log 2>&1 || die "$place: $(cat log)"
        has "$(cat log)" 'note: RUN has no user namespace: '
        has "$(cat log)" 'kept in'
    done
}

# One that has more is as good as root.
t_uid_0_of_a_namespace_with_ids() {
    only range
    context c <<X
${base}RUN touch /f && chown 7:8 /f
USER 9:10
RUN id -u
X
    unshare -U --map-root-user --map-auto "$CBUILD" --progress=plain c 2>log || die "$(cat log)"
    hasnt "$(cat log)" note:
}

# The step that fails for want of ids says so again, wherever the note stands.
t_the_step_that_lacks_ids_says_so() {
    context c <<X
${base}RUN touch /f; chown 5 /f
X
    cbuild c
    [ "$E2E_USER" = single ] || return 0
    # With that limit no id can be carried from process to process.
    fails 1 prlimit --rttime=9999999 "$CBUILD" --no-cache c
    has "$out" "RUN knows uid 0 alone"
    has "$out" "here the limit on real-time CPU use (RLIMIT_RTTIME) is set"
    has "$out" "hint: a likely cause: only uid 0 and gid 0 exist here: user '$(id -un)' has no range in /etc/subuid"
    printf "%sRUN echo 'E: setgroups 65534 failed - setgroups (1: Operation not permitted)' >&2; exit 100\n" "$base" >c/Dockerfile
    fails 1 prlimit --rttime=9999999 "$CBUILD" c
    has "$out" "hint: a likely cause: only uid 0"
    printf '%sRUN chown root /not/there\n' "$base" >c/Dockerfile
    fails 1 prlimit --rttime=9999999 "$CBUILD" c
    hasnt "$out" "likely cause"
}

t_an_id_outside_the_ranges() {
    only range
    context c <<X
${base}RUN touch /f; chown 500000 /f
X
    fails 1 cbuild c
    has "$out" "hint: a likely cause: only uids up to 65536 and gids up to 65536 exist here: larger ranges in /etc/subuid and /etc/subgid give more: 'usermod --add-subuids "
    printf '%sUSER 500000\nRUN true\n' "$base" >c/Dockerfile
    fails 1 cbuild c
    has "$out" "hint: only uids up to 65536"
}

# The host's network belongs to no user namespace of ours.
t_ports_that_cannot_be_bound() {
    context c <<X
${base}RUN timeout 1 nc -l -p 81
X
    [ "$(cat /proc/sys/net/ipv4/ip_unprivileged_port_start)" -gt 81 ] || skip "every user may bind port 81 here"
    fails 1 cbuild --network=host c
    has "$out" "Permission denied"
    has "$out" "hint: a likely cause: ports below"
    has "$out" "cannot be bound in RUN, not even by root"
    printf '%sRUN --network=none timeout 1 nc -l -p 81 || [ $? = 143 ]\n' "$base" >c/Dockerfile
    cbuild c
}

# Each says what it is and what to do; none is guessed.
t_true_causes() {
    only root
    needs crun
    echo 'FROM scratch
RUN ["/x"]' >Dockerfile
    for place in docker enosys chroot no-userns; do
        in_place $place "$CBUILD" --progress=plain . >$place 2>&1 || true
    done
    has "$(cat docker enosys)" 'a seccomp filter of the surrounding container refuses clone, mount'
    has "$(cat chroot)" 'cbuild was started in a chroot, where the kernel makes no user namespaces'
    has "$(cat no-userns)" 'there are as many user namespaces as may be'
    mkfifo go
    unshare -U sh -c 'read -r _ <go && exec sh -c "echo 0 >/proc/sys/user/max_user_namespaces && exec \"\$0\" ." "$0"' "$CBUILD" >setting 2>&1 &
    wait_for 5 sh -c '[ "$(readlink /proc/self/ns/user)" != "$(readlink "/proc/$1/ns/user")" ]' sh $!
    echo '0 0 4294967295' | tee "/proc/$!/uid_map" >"/proc/$!/gid_map"
    echo >go
    wait $! || true
    has "$(cat setting)" "RUN has no user namespace: this machine allows no user namespaces: raise 'sysctl user.max_user_namespaces'"
    fails 1 unshare -U "$CBUILD" .
    has "$out" 'the user namespace that cbuild was started in lacks its user'
    has "$out" 'hint: '
    hasnt "$out" 'Invalid argument'
}

# as_user FILES COMMAND: as a user of ./passwd, with these ranges and with newuidmap and newgidmap in ./bin
as_user() {
    unshare -m sh -euc 'files=$1; shift; mount --make-rprivate /; mount --bind "$files" /etc/subuid; mount --bind "$files" /etc/subgid
        mount --bind passwd /etc/passwd; PATH=$PWD/bin:$PATH
        [ ! -e tmpfs ] || { mount -t tmpfs -o nosuid tmpfs tmpfs; cp -p bin/* tmpfs; PATH=$PWD/tmpfs:$PATH; }
        exec setpriv --reuid 54321 --regid 54321 --clear-groups "$@"' sh "$@"
}

t_why_ranges_do_not_work() {
    only root
    needs newuidmap newgidmap
    mkdir bin home store
    chmod 755 ../.. .. . bin && chown 54321:54321 home store
    cp "$CBUILD" ./cbuild
    export HOME="$PWD/home" CBUILD_ROOT="$PWD/store"
    context c <<X
${base}RUN touch /f; chown 5 /f
X
    said() { # said FILES WHAT: it, and nothing else, in the note and at the step that fails
        status=0
        out=$(as_user "$1" ./cbuild --progress=plain --no-cache c 2>&1) || status=$?
        has "$out" "$2"
    }
    printf 'a:100000:65536\nb:165536:65536\n' >others
    cp /etc/passwd passwd
    said others "note: uid 54321 has no name, without which newuidmap gives it nothing: append 'builder:x:54321:54321::/:/bin/sh'"
    has "$out" "and 'builder:231072:65536' to /etc/subuid and /etc/subgid"
    echo 'nina:x:54321:54321::/:/bin/sh' >>passwd
    said others "note: user 'nina' has no range in /etc/subuid: 'usermod --add-subuids 231072-296607 --add-subgids 231072-296607 nina'"
    printf '54321:4000000000:65536\n' >high
    printf '#!/bin/sh\n' >bin/newuidmap && chmod 755 bin/newuidmap
    said high "note: $PWD/bin/newuidmap is neither set-user-ID root nor has it cap_setuid"
    cp -p "$(command -v newuidmap)" "$(command -v newgidmap)" bin/
    as_user high setpriv --no-new-privs ./cbuild --progress=plain --no-cache c >log 2>&1 || true
    has "$(cat log)" 'note: no_new_privs is set on this process, so newuidmap cannot work'
    mkdir tmpfs
    said high "note: $PWD/tmpfs/newuidmap lies on a file system that is mounted nosuid"
    rmdir tmpfs
    printf '54321:4000000000:3\n' >few
    more="'usermod --add-subuids 4000000003-4000065538 --add-subgids 4000000003-4000065538 nina'"
    said few "note: there are only 4 ids for RUN in /etc/subuid, of the 65536 that images use, so owners are emulated: $more adds enough"
    same "$status" 0
    same "$(printf %s "$out" | grep -c 'note:')" 1
    printf '%sRUN touch /f && chown 1000:70000 /f\nUSER 1000\nRUN [ "$(stat -c %%u:%%g:$(id -u) /f)" = 1000:70000:1000 ]\n' "$base" >c/Dockerfile
    said few "of the 65536 that images use"
    same "$status" 0
    printf '%sRUN touch /f; chown 5 /f\n' "$base" >c/Dockerfile
    status=0
    out=$(as_user few prlimit --rttime=9999999 ./cbuild --progress=plain --no-cache c 2>&1) || status=$? # emulation needs that limit
    same "$status" 1
    has "$out" "hint: a likely cause: only uids up to 3 and gids up to 3 exist here: larger ranges in /etc/subuid"
    has "$out" "$more"
}

# What is told to a person and to a program is the same, and its status is that of RUN.
t_doctor() {
    cbuild doctor >text 2>log || die "$(cat text log)"
    cbuild doctor --json >doctor.json
    same "$(cat log)" ''
    same "$(jq .runs doctor.json)" true
    has "$(cat text)" "RUN works: $(jq -r .rung doctor.json)"
    same "$(jq -r '.probes[] | select(.name == "overlay") | .ok' doctor.json)" true
    jq -e '.probes | length > 17 and all(.name and .value and (.ok or .advice))' doctor.json >log || die "$(cat doctor.json)"
    same "$(jq -c '[.probes[] | select(.name == ("user attributes", "emulated owners", "other machines")).ok]' doctor.json)" '[true,true,true]'
    same "$(jq -r '"\(.uses.files); \(.uses.owners); \(.uses.network)"' doctor.json)" "layers under an overlay; $(
        [ "$E2E_USER" = single ] && echo emulated || echo those that the command gives); one of the build's own, through pasta"
    [ -e /sys/fs/cgroup/cgroup.controllers ] || hasnt "$(cat text)" systemd # version 1 is not systemd's to give
    mkdir other && echo 1 >other/format
    fails 1 cbuild --root other doctor
    has "$out" "no: store '"
    has "$out" "RUN was not tried: there is no store"
    hasnt "$out" "does not work"
    [ "$E2E_USER" != single ] || has "$(jq -r .reason doctor.json)" 'has no range in /etc/subuid'
    [ "$E2E_USER" = root ] || return 0
    while read -r place runs overlay network rung; do
        in_place "$place" sh -c '"$0" doctor --json' "$CBUILD" >doctor.json || [ $? = 1 ]
        same "$(jq -r '"\(.runs) \(.probes | map(select(.name == "overlay").ok)) \(.uses.network[:3]) \(.rung)"' doctor.json)" \
            "$runs $overlay $network $rung"
        same "$(jq -r '.reason != null' doctor.json)" "$([ "$place" = podman ] && echo false || echo true)"
        hasnt "$(jq -r '.probes[] | select(.name == "limits").advice' doctor.json)" systemd
    done <<X
docker true [] the chroot
podman true [true] the root of a container
chroot true [true] one root without user namespaces
no-userns true [true] one root without user namespaces
X
}
