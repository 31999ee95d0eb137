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
    echo 'RUN true' >>c/Dockerfile
    fails 1 unshare -Ur "$CBUILD" c
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
    fails 1 setpriv --bounding-set=-sys_admin,-setfcap "$CBUILD" c
    has "$out" "note: root lacks the capability to have itself in a user namespace (since Linux 5.12)"
    has "$out" "hint: root lacks the capability"
    fails 1 setpriv --bounding-set=-sys_admin,-setuid,-chown "$CBUILD" c
    has "$out" "note: root lacks capabilities here, so it can neither give files to other users nor become them"
    has "$out" "'--cap-add CHOWN,SETUID'"
    hasnt "$out" subuid
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
    if [ "$E2E_USER" != single ]; then
        cbuild c
        return
    fi
    fails 1 cbuild c
    has "$out" "hint: a likely cause: only uid 0 and gid 0 exist here: user '$(id -un)' has no range in /etc/subuid"
    printf "%sRUN echo 'E: setgroups 65534 failed - setgroups (1: Operation not permitted)' >&2; exit 100\n" "$base" >c/Dockerfile
    fails 1 cbuild c
    has "$out" "hint: a likely cause: only uid 0"
    printf '%sRUN chown root /not/there\n' "$base" >c/Dockerfile
    fails 1 cbuild c
    hasnt "$out" "likely cause"
}

t_an_id_outside_the_ranges() {
    only range
    context c <<X
${base}RUN touch /f; chown 500000 /f
X
    fails 1 cbuild c
    has "$out" "hint: a likely cause: only uids up to 65536 and gids up to 65536 exist here"
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
    fails 1 cbuild c
    has "$out" "Permission denied"
    has "$out" "hint: a likely cause: ports below"
    has "$out" "cannot be bound in RUN, not even by root"
    printf '%sRUN --network=none timeout 1 nc -l -p 81 || [ $? = 143 ]\n' "$base" >c/Dockerfile
    cbuild c
}
