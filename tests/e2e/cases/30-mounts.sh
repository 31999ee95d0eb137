# Mounts of RUN, and what they leave in the image.

t_bind_of_a_stage() {
    context c <<X
${base}RUN mkdir -p /out/sub && echo one > /out/sub/f
FROM scratch AS two
COPY --from=0 / /
RUN --mount=from=one,source=/sub,target=/in cat /in/f > /got
RUN --mount=from=one,target=/in,rw echo two > /in/sub/f && cat /in/sub/f > /wrote
RUN --mount=from=one,target=/in cat /in/sub/f > /after
FROM scratch AS three
COPY --from=two /got /wrote /after /
X
    sed -i 's,^FROM scratch$,FROM scratch AS zero,;s,^FROM scratch AS two,FROM scratch AS one\nCOPY --from=zero /out /\n&,' c/Dockerfile
    rootfs c
    same "$(cat root/got) $(cat root/wrote) $(cat root/after)" "one two one"
}

# As BuildKit: only the mount points of the kernel's file systems stay.
t_mount_points() {
    context c <<X
${base}RUN --mount=type=tmpfs,target=/a/b --mount=type=cache,target=/c true
X
    rootfs c
    same "$(cd root && find . -type d | sort | tr '\n' ' ')" ". ./bin ./dev ./proc ./sys "
}

t_shm() {
    context c <<X
${base}RUN grep ' /dev/shm ' /proc/mounts > /default
RUN --mount=type=tmpfs,target=/dev/shm,size=128m grep ' /dev/shm ' /proc/mounts > /own
X
    rootfs c
    same "$(wc -l <root/default) $(wc -l <root/own)" "1 1"
    has "$(cat root/default)" "nodev,noexec"
    has "$(cat root/default)" "size=65536k"
    has "$(cat root/own)" "size=131072k"
    hasnt "$(cat root/own)" "noexec"
}

# The socket is the RUN's own, with the owner and mode of the mount: another user reaches an agent that is not theirs.
t_ssh_for_another_user() {
    only root range
    needs ssh-agent cc
    cat >ask.c <<'X'
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
int main(void)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    unsigned char answer[9] = {0};
    strcpy(a.sun_path, getenv("SSH_AUTH_SOCK"));
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
        return 3;
    for (int i = 0; i < 300; i++) /* what keys are there, again and again */
        if (write(fd, "\0\0\0\1\13", 5) != 5 || recv(fd, answer, 9, MSG_WAITALL) != 9)
            return 4;
    return printf("type %d, %d keys\n", answer[4], answer[8]) < 0;
}
X
    cc -static -o ask ask.c
    context . <<X
${base}COPY ask /
USER 1234:5
RUN --mount=type=ssh,uid=1234,gid=5 --mount=type=ssh,target=/own,mode=0640 stat -c '%a %u %g' \$SSH_AUTH_SOCK /own
RUN --mount=type=ssh,uid=1234 /ask & /ask && wait
RUN --mount=type=ssh /ask; test \$? = 3
X
    eval "$(ssh-agent -a "$PWD/agent")" >/dev/null
    status=0
    cbuild --progress=plain --ssh default="$PWD/agent" . >log 2>&1 || status=$?
    kill "$SSH_AGENT_PID"
    same "$status $(grep -c 'type 12, 0 keys' log)" "0 2"
    has "$(cat log)" "600 1234 5"
    has "$(cat log)" "640 0 0"
}

t_a_file_of_the_context_that_may_be_written() {
    for how in rw 'ro --security=insecure' 'rw --security=insecure'; do
        # shellcheck disable=SC2086 # words
        set -- $how
        context c <<X
# syntax=docker/dockerfile:1-labs
${base}RUN ${2:-} --mount=type=bind,source=f,target=/f,$1 cat /f; echo changed >/f || true
X
        echo kept >c/f
        for round in 1 2; do
            cbuild --no-cache --allow security.insecure c >log 2>&1 || die "$how: $(cat log)"
            has "$(cat log)" kept
            same "$(cat c/f)" kept
        done
    done
}

# An owner that no process can be is root's.
t_a_secret_of_another_user() {
    context c <<X
${base}RUN --mount=type=secret,id=s,uid=33,gid=44,mode=0440 stat -c %u:%g:%a /run/secrets/s >/owner && cat /run/secrets/s >/text
X
    echo word >s
    rootfs --secret id=s,src=s c
    same "$(cat root/owner root/text)" "33:44:440
word"
}

t_a_secret_of_many_mounts() {
    many=
    for n in 1 2 3 4; do many="$many --mount=type=secret,id=s,target=/s$n"; done
    context c <<X
${base}RUN $many cat /s1 /s2 /s3 /s4 | wc -c >/size
X
    head -c 400000 /dev/zero >s
    rootfs --secret id=s,src=s c
    same "$(cat root/size)" 1600000
    head -c 600000 /dev/zero >s
    fails 1 cbuild --no-cache --secret id=s,src=s c
    has "$out" "secret 's': 's' has more than 500 KiB"
}

# Files of the host for every RUN, outside of the key and of the layer.
t_volumes() {
    mkdir -p v/sub w/in
    echo seen >v/f
    context c <<X
${base}RUN cat /v/f > /seen; ! touch /v/more; echo back > /rw/made; cat /one >> /seen
RUN --mount=type=tmpfs,target=/v/sub touch /v/sub/x && ls /v/sub >> /seen
X
    rootfs -v "$PWD/v:/v:ro" --volume ./w:/rw:rw,private -v ./v/f:/one c
    same "$(tr '\n' ' ' <root/seen)" "seen seen x "
    same "$(cat w/made)" back
    same "$(ls v/sub; ls -d root/v root/rw root/one 2>/dev/null)" ""
    cbuild -v ./w:/v --progress=plain c 2>log
    has "$(cat log)" "0 steps run"
    cbuild -t volumes c
    same "$(cbuild run -v ./v:/v:ro volumes sh -c 'cat /v/f; touch /v/f' 2>/dev/null || echo failed)" "seen
failed"
    # What one RUN puts in its place leads the next one nowhere.
    printf '%sRUN rmdir /rw/in && ln -s /etc /rw/in\nRUN ls /in\n' "$base" >c/Dockerfile
    fails 1 cbuild -v ./w:/rw -v ./w/in:/in c
    has "$out" "--volume: open '$PWD/w/in': Too many levels of symbolic links"
    for wrong in data:/x ./v:x ./v:/ ./v ./v:/x:O ./v:/x:nope ./nosuch:/x; do
        fails 2 cbuild -v $wrong c
    done
}
