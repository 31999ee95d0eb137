# What a build must not do, seen by strace: times are bench/'s.

traced() { # traced FILE ARGS…: the system calls of all processes of a build
    needs strace
    strace -f -o /dev/null true 2>/dev/null || skip "the kernel lets nobody trace here (ptrace)"
    to=$1
    shift
    ASAN_OPTIONS=detect_leaks=0 strace -f -qq -o "$to" "$CBUILD" "$@" >out 2>&1 || { cat out >&2; die "build failed"; }
}
none() { # none FILE PATTERN
    ! grep -E "$2" "$1" >found || die "$(head -n 3 found)"
}

# Nothing changed: no process, no namespace, no file of a layer, no large library, nothing written.
t_cached_build_does_nothing() {
    context ctx <<EOF
${base}ARG V=1
ENV A=\$V
WORKDIR /w
COPY f /w/f
RUN echo \$A >/w/g
LABEL l=1
USER 0
EXPOSE 80
CMD ["/bin/sh"]
EOF
    echo 1 >ctx/f
    cbuild -q -t x ctx
    cbuild -q -t x ctx
    traced calls -q -t x ctx
    none calls '^[0-9]+ +(fork|vfork|clone|clone3|unshare|setns|mount|fsopen|open_tree|pivot_root)\('
    none calls 'libcurl|libarchive'
    none calls '"fs/|/fs"|/fs/'
    none calls 'O_TMPFILE|mkdir(at)?\(.* = 0|locks/steps'
}

# Text that is in the program needs no library: a script that asks for the version waits for nothing.
t_version_and_help_load_nothing() {
    for option in --version --help version; do
        traced calls $option
        [ $option = version ] || none calls 'libcurl|libarchive'
    done
    has "$(cat out)" "libarchive"
    has "$(cat out)" "libcurl"
}

# A RUN takes two processes: its job, and the command itself; where owners are emulated, one more. Nobody changes ids while he is
# traced, so that ordinary users have one id here.
t_run_takes_two_processes() {
    context ctx <<EOF
FROM scratch
COPY busybox /bin/true
RUN ["/bin/true", "1"]
EOF
    # Of two builds the one with fewer: what the network takes to come up differs now and then.
    forks() { grep -cE '^[0-9]+ +(fork|vfork|clone|clone3)\(' "$1"; }
    least() { [ "$(forks "$1")" -lt "$(forks "$2")" ] && forks "$1" || forks "$2"; }
    traced one -q -t x ctx
    traced again --no-cache -q -t x ctx
    for i in 2 3 4 5; do echo "RUN [\"/bin/true\", \"$i\"]" >>ctx/Dockerfile; done
    traced five --no-cache -q -t x ctx
    traced five-again --no-cache -q -t x ctx
    same $(($(least five five-again) - $(least one again))) "$([ "$E2E_USER" = root ] && echo 8 || echo 12)"
}

# A layer that the store has is not written again, and nothing is removed before the end.
t_run_without_change_writes_no_layer() {
    context ctx <<EOF
FROM scratch
COPY busybox /bin/true
RUN ["/bin/true", "1"]
RUN ["/bin/true", "2"]
EOF
    traced first -q -t x ctx
    traced calls --no-cache -q -t x ctx
    none calls '"meta.json", O_WRONLY|"records/.*O_CREAT'
    has "$(ls "$CBUILD_ROOT/work" | wc -l)" 0
}
