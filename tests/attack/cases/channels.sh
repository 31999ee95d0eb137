# The ways from a step to the builder: output, progress, the report. A hostile command writes whatever it likes.

noise() { # noise KIND ARGS…
    kind=$1
    shift
    box c noise <<Y
${base}RUN ["/a/noise", "$kind"]
RUN /a/noise $kind; true
RUN ["/a/say", "held", "after"]
Y
    attack "$@" c
    same "$kind: $status" "$kind: 0"
    held_in attack.out after
    rm -rf "$CBUILD_ROOT/records"
}

# A line of 20 MB, and a million of them: the builder's memory stays what it is, and the build goes on. It is the same builder for
# everybody.
t_long_lines_and_many() {
    only root
    # shellcheck disable=SC3045
    for kind in line lines; do
        noise $kind
        rm -f attack.out
    done
}

# Numbers, lengths and texts in the form of the builder's own messages, written to every descriptor there may be.
t_forged_messages() {
    noise forge
    held_in attack.out "noise forge"
}

# The pipes themselves are changed: not blocking, tiny, with signals to their owner, opened again from the other side, closed.
t_spoiled_pipes() {
    noise spoil
    noise close
}

# CVE-2003-0063 and its many kin: sequences that a terminal answers or obeys. None of them gets through raw.
t_terminal_sequences() {
    noise escapes
    ! LC_ALL=C grep -aq "$(printf '[\033\007\177\010]')" attack.out || die "a control character gets through"
    ! LC_ALL=C grep -aq "$(printf '\302\233')" attack.out || die "a CSI of one character gets through"
    box d noise <<Y
${base}RUN ["/a/noise", "escapes"]
LABEL x="a"
RUN /a/noise escapes; exit 3
Y
    "$CBUILD" --progress=rawjson --build-context tools="$ATTACK_TOOLS/root" d >raw 2>&1 || true
    python3 -c 'import json, sys
for line in open("raw", "rb"):
    if line.startswith(b"{"): json.loads(line)'
    ! LC_ALL=C grep -aq "$(printf '[\033\007]')" raw || die "a control character gets through"
    script -qec "'$CBUILD' --no-cache --build-context tools='$ATTACK_TOOLS/root' d" typed >/dev/null 2>&1 </dev/null || true
    ! LC_ALL=C grep -aq -e "$(printf '\033]0;title')" -e "$(printf '\033]52')" -e "$(printf '\033\\[6n')" typed || die "a sequence gets to the terminal"
}

# Names that are shown: of stages, of files, in errors, with control characters.
t_names_with_control_characters() {
    esc=$(printf '\033]0;evil\007')
    for line in "COPY nothing$esc /x" "RUN echo $esc >/x; exit 3" "USER a$esc
RUN true" "FROM nowhere.invalid/$esc" "WORKDIR /w$esc
RUN exit 4" "ENV A=$esc
RUN [\"/no$esc\"]"; do
        box c <<Y
${base}$line
Y
        refused c
        ! LC_ALL=C grep -aq "$(printf '[\033\007]')" attack.out || die "a control character gets through: $line"
        rm -rf c
    done
}

# Output behind a NUL byte is shown: nothing can be hidden from who reads the log.
t_nul_bytes() {
    noise nul
    grep -aq 'after-the-nul' attack.out || die "what follows a NUL byte is hidden: $(cat -v attack.out)"
}

# A command and an error larger than what a message holds are still reported as what they are.
t_large_errors() {
    box c <<Y
${base}USER $(head -c 1200000 /dev/zero | tr '\0' u)
RUN true
Y
    refused c
    ! grep -aq 'out of memory' attack.out || die "it is called out of memory"
}

# Lines that look like the progress of other steps are marked as this step's own.
t_forged_progress() {
    box c <<Y
${base}RUN printf '#9 DONE 0.0s\nERROR: forged\r#8 forged\nimage sha256:forged\n'
Y
    attack --progress=plain c
    same "$status" 0
    ! grep -a forged attack.out | tr '\r' '\n' | grep -av '^#[0-9]* ' | grep -a forged || die "a forged line stands alone"
    "$CBUILD" --no-cache -q --build-context tools="$ATTACK_TOOLS/root" c >id 2>log
    ! grep -aq forged id || die "it is in the result"
}

# Exit statuses and signals that the builder's own errors use.
t_exit_statuses() {
    for code in 126 127 128 137 255; do
        box c <<Y
${base}RUN exit $code
Y
        refused c
        has "$out" "exit code: $code"
    done
    box c <<Y
${base}RUN kill -9 1; kill -SEGV 1; kill -STOP 1; kill -TERM 1; /a/say held "PID 1 hears no signal of its own"
Y
    attack c
    same "$status" 0
}
