# What the cases of tests/e2e use. A case is a function t_NAME of cases/*.sh; it runs in a shell of its own (set -eu)
# in an empty directory, with a store of its own in $CBUILD_ROOT. It fails when a command fails.

# The kind of user the cases run as: root, range (subordinate ids), single (none).
: "${E2E_USER:=root}"

die() {
    echo "FAILED: $*" >&2
    exit 1
}
skip() { # a kernel feature is missing: say which
    echo "SKIP: $*"
    exit 77
}
only() { # only KIND…: for the other kinds of user this is no case at all
    case " $* " in *" $E2E_USER "*) ;; *) exit 78 ;; esac
}
# The rung that RUN stands on, as cbuild calls it, where a suite is run in a container; else the kind of user tells.
: "${E2E_RUNG:=$E2E_USER}"
not_on() { # not_on RUNG…: what the case needs, or is about, does not exist there
    for rung in "$@"; do
        [ "$E2E_RUNG" != "$rung" ] || exit 78
    done
}
finished() { # what follows a case that has not failed; other suites have more to say
    :
}
needs() { # needs PROGRAM…: ./check has installed them
    for program in "$@"; do
        PATH=$PATH:/sbin:/usr/sbin command -v "$program" >/dev/null || die "$program is not installed"
    done
}
cbuild() {
    "$CBUILD" "$@"
}
# In a container as Docker, podman or Kubernetes makes it (tests/tools/container), with the case's directory as a volume.
in_place() { # in_place PLACE COMMAND…
    place=$1
    shift
    "$E2E_HERE/../tools/container" "$place" -b "$CASE_DIR" -b "$(dirname "$CBUILD")" -- "$@"
}
# A context directory with busybox in it and a Dockerfile from standard input.
context() { # context DIR
    mkdir -p "$1"
    cp /bin/busybox "$1/busybox"
    cat >"$1/Dockerfile"
}
# First lines of a Dockerfile with a shell in it.
base='FROM scratch
COPY busybox /bin/busybox
RUN ["/bin/busybox", "--install", "-s", "/bin"]
'
same() { # same WHAT EXPECTED
    [ "$1" = "$2" ] || die "expected '$2', got '$1'"
}
has() { # has TEXT PATTERN: TEXT holds the fixed string
    case $1 in
    *"$2"*) ;;
    *) die "'$2' is not in: $1" ;;
    esac
}
hasnt() {
    case $1 in
    *"$2"*) die "'$2' is in: $1" ;;
    *) ;;
    esac
}
# The command must fail with this status; its output is in $out.
fails() { # fails STATUS COMMAND…
    want=$1
    shift
    status=0
    out=$("$@" 2>&1) || status=$?
    [ "$status" = "$want" ] || die "exit status $status, expected $want: $* : $out"
}
# Builds and unpacks the root file system into ./root as our own user.
rootfs() { # rootfs ARGS…
    rm -rf root && mkdir root
    cbuild -o type=tar,dest=root.tar "$@" 2>build.log || { cat build.log >&2; die "build failed"; }
    tar -xf root.tar -C root --no-same-owner 2>/dev/null || true
}
listing() { # owners and modes as the image says
    tar -tvf root.tar --numeric-owner
}
oci() { # oci COMMAND IMAGE…: what oci.py beside this file says
    python3 "$E2E_HERE/oci.py" "$@"
}
# Builds into ./app.tar, an OCI archive whose digests are checked; packed fast, for busybox is in most of them.
archive() { # archive ARGS…
    cbuild -o type=oci,dest=app.tar,compression-level=1 "$@" 2>build.log || { cat build.log >&2; die "build failed"; }
    oci verify app.tar
}
# Everything that the last layer of ./app.tar holds, a line each: type and name.
last_layer() {
    oci names app.tar -1 | cut -d' ' -f2-
}
layout() { # layout DIR KIND…: an image layout whose layers are tars of badtar.py
    dir=$1 tars=
    shift
    for kind in "$@"; do
        python3 "$E2E_HERE/badtar.py" "$kind" "$dir.$kind.tar"
        tars="$tars $dir.$kind.tar"
    done
    # shellcheck disable=SC2086 # words
    oci layout "$dir" $tars
}
wait_for() { # wait_for SECONDS COMMAND…: until the command succeeds
    for _ in $(seq $(($1 * 20))); do
        (shift && "$@" >/dev/null 2>&1) && return 0
        sleep 0.05
    done
    die "timed out: $*"
}
on_terminal() { # on_terminal COLUMNSxROWS ARGS…: cbuild's exit status; what stands there at the end is in ./shown
    size=$1 status=0
    shift
    TERM=xterm python3 "$E2E_HERE/terminal.py" "$size" frames "$CBUILD" "$@" >shown || status=$?
}
