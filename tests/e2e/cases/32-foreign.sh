# Images for other machines: their programs run through qemu-user, registered in the build's own user namespace.

foreign() { # foreign DIR: a context with a program for arm64
    needs clang ld.lld qemu-aarch64-static
    mkdir -p "$1"
    clang --target=aarch64-linux-gnu -Os -ffreestanding -nostdlib -static -fuse-ld=lld -o "$1/arm64" "$E2E_HERE/arm64.c"
    printf 'FROM scratch\nCOPY --chmod=4755 arm64 /arm64\n' >"$1/Dockerfile"
    cat >>"$1/Dockerfile"
}

t_programs_for_arm64() {
    foreign c <<'X'
RUN ["/arm64", "/made"]
RUN ["arm64"]
X
    sed -i '2a ENV PATH=/' c/Dockerfile
    [ "$E2E_USER" = single ] || printf 'USER 1234\nRUN ["/arm64"]\n' >>c/Dockerfile
    before=$(ls /proc/sys/fs/binfmt_misc)
    cbuild --progress=plain --platform linux/arm64 -o type=oci,dest=app.tar c 2>log || die "$(cat log)"
    has "$(cat log)" " /arm64 on aarch64 by root as root"
    has "$(cat log)" " arm64 on aarch64 by root as root"
    [ "$E2E_USER" = single ] || has "$(cat log)" " /arm64 on aarch64 by a user as root"
    same "$(ls /proc/sys/fs/binfmt_misc)" "$before"
    has "$(oci config app.tar)" '"architecture": "arm64"'
    cbuild --platform linux/arm64 -t foreign c 2>/dev/null
    has "$(cbuild run --user 0 --entrypoint /arm64 foreign)" "/arm64 on aarch64 by root as root"
    # Beside programs of this machine, and at the same time.
    cp /bin/busybox c/busybox
    cat >c/Dockerfile <<'X'
FROM --platform=linux/arm64 scratch AS one
COPY arm64 /arm64
RUN ["/arm64", "/one"]
FROM --platform=linux/arm64 scratch AS two
COPY arm64 /arm64
RUN ["/arm64", "/two"]
FROM --platform=$BUILDPLATFORM scratch AS three
COPY busybox /busybox
RUN ["/busybox", "touch", "/three"]
FROM scratch
COPY --from=one /one /
COPY --from=two /two /
COPY --from=three /three /
X
    rootfs --platform linux/arm64 c
    same "$(ls root | tr '\n' ' ')" "one three two "
}

t_a_program_of_another_machine() {
    foreign c <<'X'
RUN ["/arm64"]
X
    [ "$(uname -m)" != aarch64 ] || skip "this machine executes it"
    [ "$(ls /proc/sys/fs/binfmt_misc)" = "" ] || skip "this machine executes programs of others"
    fails 1 cbuild c
    has "$out" "/arm64: exec format error; it is a program for arm64; its image is not: name the platform with --platform linux/arm64"
    has "$out" Dockerfile:3
}
