# How much of the machine a RUN may take, and what is said of one that wants more.

nap=$((3000000 + $$)) # seconds that nobody waits, and a number that no other case has

t_step_timeout() {
    context c <<X
${base}RUN trap 'echo asked to end; exit 0' TERM; (setsid sleep $nap &); while :; do sleep 0.05; done
X
    fails 1 cbuild --progress=plain --step-timeout 300ms c
    has "$out" "asked to end"
    has "$out" "did not complete successfully: it ran longer than --step-timeout 0.3s and was ended"
    has "$out" "Dockerfile:4"
    sed -i "s/trap .*/trap '' TERM; sleep $nap/" c/Dockerfile
    fails 1 cbuild --step-timeout 300ms c # it ignores the request
    has "$out" "it ran longer than --step-timeout 0.3s"
    for p in /proc/[0-9]*/cmdline; do
        # shellcheck disable=SC2015 # a process that has gone
        hasnt "$(tr '\0' ' ' 2>/dev/null <"$p" || true)" "sleep $nap"
    done
    sed -i 's/^RUN trap.*/RUN echo quick/' c/Dockerfile
    cbuild --step-timeout 1h c 2>/dev/null
    cbuild c 2>&1 | grep -q 'CACHED.*echo quick' || die "the limit is in the key"
}
