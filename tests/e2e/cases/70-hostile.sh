# Contexts, commands and users' surroundings that no honest build has: nothing outside changes, nothing hangs.

t_devices_of_the_host_stay_as_they_are() {
    context c <<Y
${base}RUN chmod 666 /dev/full; chown 0:0 /dev/full; touch /dev/full; setfattr -n user.x -v y /dev/full; chmod 666 /proc/keys; \
    echo x >/dev/null && head -c 1 /dev/zero >/dev/null && (echo x >/dev/full) 2>&1 | grep -q "No space"
Y
    before=$(stat -c '%a %u %Y %Z' /dev/full /dev/null)
    sleep 0.01
    cbuild c 2>log || die "$(cat log)"
    same "$(stat -c '%a %u %Y %Z' /dev/full /dev/null)" "$before"
}

t_streams_that_are_closed_or_full() {
    printf 'FROM scratch\nCOPY f /f\n' >Dockerfile
    echo f >f
    for close in '<&-' '2>&-' '<&- 2>&-'; do
        sh -c "\"\$CBUILD\" --no-cache -q . $close" >id || die "failed with $close"
        has "$(cat id)" sha256:
    done
    for stream in '>&-' '>/dev/full'; do
        for command in '-q .' images --help --version du '-o - .'; do
            status=0
            sh -c "\"\$CBUILD\" $command $stream" 2>log || status=$?
            [ "$status" = 1 ] || die "$command $stream: status $status"
            has "$(cat log)" "ERROR: write "
        done
    done
    cbuild . 2>log
    has "$(cat log)" "0 steps run"
}

t_file_size_limit() {
    printf 'FROM scratch\nCOPY f /f\n' >Dockerfile
    head -c 3000000 /dev/zero >f
    fails 1 sh -c 'ulimit -f 1000; "$CBUILD" .'
    has "$out" "ile too large"
    cbuild -q . >/dev/null
}

t_process_limit() {
    only range single # no limit of processes holds root
    context c <<X
${base}COPY f /f
RUN echo done > /done
X
    echo f >c/f
    cbuild --no-cache c 2>log
    grep -a '^note: ' log >notes || true # of what this user lacks for good
    for more in $(seq 0 30) 1000; do # the last where other processes of this user start meanwhile
        status=0
        mine=$(cat /proc/[0-9]*/status 2>/dev/null | awk -v u="$(id -u)" '$1 == "Uid:" {on = $2 == u} $1 == "Threads:" && on {n += $2} END {print n}')
        # The check for leaks wants a process too.
        ASAN_OPTIONS="$ASAN_OPTIONS:detect_leaks=0" prlimit --nproc=$((mine + more)) "$CBUILD" --no-cache c >log 2>&1 || status=$?
        grep -a '^note: ' log >now || true
        [ ! -s now ] && [ "$status" != 0 ] || same "$(cat now)" "$(cat notes)" # it may have failed before it knew
        [ "$status" != 0 ] || break
        same "$status" 1
        hasnt "$(cat log)" "without an answer"
        grep -q -e "ulimit -u" -e "can't fork" log || die "limit $((mine + more)): $(cat log)"
    done
    same "$status" 0
}
