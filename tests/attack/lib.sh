# What the attacks use beside tests/e2e/lib.sh. A case gives a hostile Dockerfile or image to `attack`, which builds it
# and checks what must hold whatever happened inside. Then the case checks that the attack was really tried.

base='FROM scratch
COPY --from=tools / /
COPY a/ /a/
'
# A context whose image has busybox and, in /a, these programs; the Dockerfile comes from standard input.
box() { # box DIR PROGRAM…
    where=$1
    shift
    mkdir -p "$where/a"
    for program in say "$@"; do cp "$ATTACK_TOOLS/programs/$program" "$where/a/"; done
    cat >"$where/Dockerfile"
}

# A program of our own to damage, and files of the host that nothing inside may read, change or show.
cp "$CBUILD" "$CASE_DIR/cbuild"
CBUILD=$CASE_DIR/cbuild
secret=canary-of-$$-$(od -An -N8 -tx8 /dev/urandom | tr -d ' ')
mkdir -m 755 "$CASE_DIR/beside"
cp "$ATTACK_TOOLS/programs/canary" "$CASE_DIR/beside/run"
"$CBUILD" images >/dev/null 2>&1 || true
canaries="$CASE_DIR/beside/text $PWD/canary $HOME/canary $ATTACK_CANARY"
[ ! -d "$CBUILD_ROOT" ] || canaries="$canaries $CBUILD_ROOT/canary"
for canary in $canaries; do
    echo "$secret" >"$canary"
    chmod 644 "$canary"
done
hosts_files="$CBUILD $CASE_DIR/beside/run $canaries"
fingerprint() {
    # shellcheck disable=SC2086
    { stat -c '%n %d:%i %a %u:%g %s %y %z' $hosts_files; ls -A "$CASE_DIR/beside" "$HOME"; } 2>&1 # who writes changes %z
}
fingerprint >"$CASE_DIR/before"

# What every build must leave as it was, and what its output must not say.
unharmed() { # unharmed OUTPUT
    fingerprint >"$CASE_DIR/after"
    diff "$CASE_DIR/before" "$CASE_DIR/after" || die "the host was changed"
    ! grep -a -e ' REACHED: ' -e ' SETUP FAILED: ' -e "$secret" -e AddressSanitizer -e 'runtime error:' -e 'without an answer' "$1" ||
        die "that must not be there"
    ! grep -aq 'SEEN ' "$1" || for file in $hosts_files; do
        ! grep -a "SEEN $(stat -c %d:%i "$file") " "$1" || die "inside, $file of the host is seen"
    done
}
# The end of every case that has not failed.
finished() {
    python3 -I -S "$E2E_SUITE/layers.py" "$CBUILD_ROOT" "$secret" || die "the layers of the store are not what their indexes say"
}
# Builds; $out and $status say how it ended (0 or 1, anything else is a failure), ./attack.out has all of its output.
attack() { # attack ARGS…
    status=0
    timeout -k 5 90 "$CBUILD" --progress=plain --build-context tools="$ATTACK_TOOLS/root" "$@" >attack.out 2>&1 </dev/null || status=$?
    out=$(head -c 200000 attack.out | tr -d '\0')
    [ "$status" -le 1 ] || die "status $status: $out"
    unharmed attack.out
}
refused() { # refused ARGS…: the same, and the build must have failed
    attack "$@"
    same "status $status" "status 1"
}
held() { # held TEXT…: these attempts were made and refused
    for what in "$@"; do has "$out" "HELD: $what"; done
}
held_in() { # held_in FILE TEXT: the same in the output of another build
    grep -aqF "HELD: $2" "$1" || die "'$2' was not held: $(tail -n 20 "$1")"
}
# Nothing that the store keeps, nor the output, has this text. What this user may not read is passed over.
no_text() { # no_text TEXT
    ! grep -raqF "$1" "$CBUILD_ROOT" attack.out 2>/dev/null || die "'$1' is in $(grep -ralF "$1" "$CBUILD_ROOT" attack.out 2>/dev/null)"
}
# A file of the host, seen from any directory of its file system from which the way leads up.
from_above() { # from_above FILE
    mount=$(stat -c %m "$1")
    echo "../../../../../../../../../../../..${1#"${mount%/}"}"
}
