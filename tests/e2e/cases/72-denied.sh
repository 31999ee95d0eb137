# Kernels and containers that refuse one system call (tests/tools/deny.c): the build does without and the image is the same,
# or an error says what is refused and what to do. Nothing hangs, nothing crashes.

# CALL[:BITS]  what must happen, to all kinds of users: works, or error; either where it depends on the user or the kernel
calls='
unshare                 works
clone3                  works
landlock_create_ruleset works
pidfd_open              works
pidfd_send_signal       works
pidfd_getfd             works
statx                   works
copy_file_range         works
sendfile                works
fallocate               works
fadvise64               works
syncfs                  works
inotify_init1           works
epoll_create1           works
timerfd_create          works
eventfd2                works
keyctl                  works
userfaultfd             works
name_to_handle_at       works
openat2                 works
mount                   error
fsopen                  error
fsmount                 error
move_mount              error
open_tree               error
mount_setattr           error
pivot_root              works
umount2                 error
clone                   error
clone:0x7e020000        error
seccomp                 works
memfd_create            works
close_range             works
renameat2               works
sethostname             works
capset                  error
execveat                error
fsync                   error
flock                   error
socketpair              error
pipe2                   error
poll                    error
setns                   either
setgroups               either
setresuid               either
fchownat                either
linkat                  either
faccessat2              either
mknodat                 either
fsetxattr               either
signalfd4               either
'
content() { tar -tvf "$1" --numeric-owner --full-time | sed -E 's| [0-9]{4}-[0-9-]+ [0-9:.]+ | |' && tar -xOf "$1" w/a w/f; }

# denied CALL ERROR WHAT: builds in an empty store
denied() {
    status=0
    rm -f out.tar
    ASAN_OPTIONS="$ASAN_OPTIONS:detect_leaks=0" timeout -k 5 60 ./deny "$1" "$2" "$CBUILD" --root "store-$1-$2" --progress plain \
        -o type=tar,dest=out.tar c >log 2>&1 || status=$?
    case $3:$status in
    *:77) echo "no call $1 here" ;;
    works:0 | either:0) content out.tar >got && cmp got expected >&2 || die "$1 $2: another image" ;;
    error:1 | either:1)
        grep -q '^ERROR: ' log || die "$1 $2: no error: $(cat log)"
        [ "$2" = EPERM ] || grep -q '^  hint: ' log || die "$1 $2: no hint: $(cat log)"
        ;;
    *) die "$1 $2: status $status: $(cat log)" ;;
    esac
    "$E2E_HERE/remove" "$CBUILD" "$PWD/store-$1-$2"
}

t_one_call_denied() {
    gcc -D_GNU_SOURCE -O1 -Wall -Wextra -Werror -o deny "$E2E_HERE/../tools/deny.c" -lseccomp
    ./deny unshare EPERM true || skip "no seccomp filter can be set here"
    context c <<EOF
${base}WORKDIR /w
COPY f .
RUN echo a >a && ln a b && test "\$(grep -cw "localhost.* \$(hostname)" /etc/hosts)" = 2
EOF
    echo f >c/f
    cbuild -o type=tar,dest=right.tar c
    content right.tar >expected
    echo "$calls" | while read -r call what; do
        [ -n "$call" ] || continue
        denied "$call" EPERM "$what" </dev/null
        denied "$call" ENOSYS "$what" </dev/null
    done
}
