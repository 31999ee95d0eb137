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
