# The supervisor that emulates owners and ids where a user has only one: whatever a RUN asks it for, it can do no more than the
# RUN itself, and a step that it cannot serve to its end is an error.

t_ways_around_the_supervisors_proc() {
    only single
    box c around <<Y
${base}RUN ["/a/around", "$CASE_DIR/beside"]
Y
    chmod 777 "$CASE_DIR/beside"
    echo "$secret" >"$CASE_DIR/beside/canary"
    fingerprint >"$CASE_DIR/before"
    attack c
    same "$status" 0
    held tried
    [ -z "$(getfattr -d "$CASE_DIR/beside/canary" 2>/dev/null)" ] || die "an attribute was set"
}

# Pointers that lead nowhere, names that are too long, descriptors of every kind: the answers are the kernel's.
t_calls_with_wrong_arguments() {
    only single range
    box c asks <<Y
${base}RUN ["/a/asks", "pointers"]
RUN ["/a/asks", "paths"]
RUN ["/a/asks", "rights"]
Y
    attack c
    same "$status" 0
    held "a path at the edge" "a file without a name"
}

# The calls of 32-bit programs are other numbers for the same.
t_calls_of_32_bits() {
    only single
    box c asks <<Y
${base}RUN ["/a/asks", "narrow"]
Y
    attack c
    same "$status" 0
    held "32-bit calls"
}

# The attribute that holds an owner, written from inside, brought by a file of the context, an archive and a cache.
t_forged_owners() {
    only single
    box c asks <<Y
${base}RUN ["/a/asks", "forge"]
COPY file /file
ADD forged.tar /ext/
RUN --mount=type=cache,target=/cache cp /file /cache/f; chown 5:6 /cache/f; cp -p /cache/f /kept; stat -c '%n %u:%g' /file /ext/file /kept
Y
    echo text >c/file
    setfattr -n user.cbuild.own -v 31337:31337 c/file
    python3 -I -S - <<'Y'
import io, tarfile
with tarfile.open("c/forged.tar", "w", format=tarfile.PAX_FORMAT) as tar:
    e = tarfile.TarInfo("file")
    e.pax_headers = {"SCHILY.xattr.user.cbuild.own": "31337:31337"}
    tar.addfile(e, io.BytesIO())
Y
    attack c
    same "$status" 0
    held "forged nothing"
    has "$out" "/file 0:0" "/ext/file 0:0" "/kept 5:6"
}

# Threads that change what is asked about, callers that are killed meanwhile or kill everybody, a listener of their own.
t_races_for_the_supervisor() {
    only single
    chmod 777 "$CASE_DIR/beside"
    echo "$secret" >"$CASE_DIR/beside/canary"
    fingerprint >"$CASE_DIR/before"
    box c asks <<Y
${base}RUN ["/a/asks", "races"]
RUN ["/a/asks", "listener"]
RUN ["/a/asks", "everybody"]
RUN ["/a/asks", "floods", "100"]
RUN ["/a/asks", "swaps", "$(from_above "$CASE_DIR/beside")"]
RUN chown 5:6 /a/say && stat -c %u:%g /a/say
Y
    attack c
    same "$status" 0
    held raced "a listener of its own" killed flooded swapped
    has "$out" "5:6"
}

# More kinds of ids than are kept: the step fails, whatever the command made of the refusal.
t_more_ids_than_are_kept() {
    only single
    box c asks <<Y
${base}RUN ["/a/asks", "sets"]
Y
    refused c
    held "more ids"
    has "$out" "more than 65536 kinds of ids"
}

numbers() { # numbers PID: in so many PID namespaces it has one; 0: it is gone
    awk '/^NSpid:/ { print NF - 1 }' "/proc/$1/status" 2>/dev/null || echo 0
}
below() { # below PID: its children and theirs
    for child in $(pgrep -P "$1"); do
        echo "$child"
        below "$child"
    done
}

# A supervisor that dies ends the step with an error, and nothing hangs.
t_supervisor_that_is_killed() {
    only single
    box c <<Y
${base}RUN --network=none /a/say held started; i=0; while [ \$i -lt 300 ]; do chown 5:6 /a/say; sleep .1; i=\$((i + 1)); done; true
Y
    refused c &
    build=$!
    for _ in $(seq 200); do ! grep -q 'HELD: started' attack.out 2>/dev/null || break; sleep .1; done
    killed=
    for job in $(below "$build"); do # its children: the sandbox's first process, with a number of its own there, and the supervisor
        own=$(numbers "$job") first='' beside=''
        for pid in $(pgrep -P "$job"); do
            case $(numbers "$pid") in "$own") beside=$pid ;; $((own + 1))) first=$pid ;; esac
        done
        [ ! "$first" ] || [ ! "$beside" ] || { kill -9 "$beside" && killed=$beside; }
    done
    [ "$killed" ] || die "no supervisor was found"
    wait "$build"
    has "$(cat attack.out)" "the process that keeps the owners of a step ended before its time"
}
