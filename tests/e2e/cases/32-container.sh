# cbuild run: a command in an image of the store.

t_run() {
    context c <<X
${base}ENV A=1
WORKDIR /w
ENTRYPOINT ["/bin/echo", "entry"]
CMD ["command"]
X
    cbuild -t app c 2>/dev/null
    same "$(cbuild run app)" "entry command"
    same "$(cbuild run app -e --rm)" "entry -e --rm"
    same "$(cbuild run --entrypoint /bin/pwd app)" /w
    # shellcheck disable=SC2016
    same "$(cbuild run --rm -e B=2 -e C -w /x --entrypoint sh app -c 'echo $A $B $C $PWD $HOME')" "1 2 /x /"
    same "$(echo in | cbuild run -i --entrypoint cat app)" in
    same "$(echo in | cbuild run --entrypoint cat app)" ""
    same "$(seq 100000 | cbuild run -i --entrypoint cat app | md5sum)" "$(seq 100000 | md5sum)"
    same "$(cbuild run --entrypoint yes app 2>/dev/null | head -n 1)" y
    same "$(cbuild run app 2>&1)" "entry command"
    cbuild run --entrypoint touch app /w/f
    same "$(cbuild run --entrypoint ls app /w)" ""
    fails 1 cbuild run --read-only --entrypoint touch app /w/f
    has "$out" "Read-only file system"
    fails 5 cbuild run --entrypoint sh app -c 'exit 5'
    [ "$E2E_USER" != single ] || has "$out" "has no range in /etc/subuid"
    fails 127 cbuild run --entrypoint nope app
    has "$out" "executable file not found"
    fails 126 cbuild run --entrypoint /bin app
    fails 125 cbuild run nothing
    has "$out" "no image 'nothing' in the store"
    fails 125 cbuild run
    fails 125 cbuild run --nope app
    fails 125 cbuild run --rm=false app
    fails 125 cbuild run -it app
    has "$out" "standard input is no terminal"
    id=$(cbuild images -q app)
    same "$(cbuild run "$id")" "entry command"
}

t_run_says_how_it_ended() {
    context c <<X
$base
X
    cbuild -t app c 2>/dev/null
    fails 124 cbuild run --step-timeout 200ms app sleep 1000
    has "$out" "'sleep': it ran longer than --step-timeout 0.2s and was ended"
    fails 143 cbuild run app sh -c 'sh -c "kill -TERM \$\$"; exit $?'
    hasnt "$out" ERROR
    dirs=$(find "$CBUILD_ROOT" -maxdepth 2 -type d -user "$(id -u)")
    cat >look <<'X'
[ "$1" != root ] || { mount --bind "$CBUILD_ROOT" "$CBUILD_ROOT" && mount -o remount,bind,ro "$CBUILD_ROOT"; }
"$CBUILD" run app true
X
    if [ "$E2E_USER" = root ]; then
        fails 125 unshare -m sh look root
    else
        # shellcheck disable=SC2086 # words
        chmod u-w $dirs
        status=0
        out=$(sh look user 2>&1) || status=$?
        # shellcheck disable=SC2086
        chmod u+w $dirs
        same $status 125
    fi
    has "$out" "what a command writes has its place in the store, and '$CBUILD_ROOT' can only be read"
}

t_run_takes_what_docker_run_takes() {
    context c <<X
${base}
X
    cbuild -t app c 2>/dev/null
    run() {
        cbuild run "$@" 2>log || { cat log; die "run $*"; }
    }
    printf '# what\n\nA=1\nB=of the file\nC\n' >file
    # shellcheck disable=SC2016 # for the shell in there
    same "$(C=c run --env-file file -e B=2 app sh -c 'echo $A $B $C')" "1 2 c"
    mkdir dir && echo text >dir/file
    same "$(run --mount "type=bind,src=$PWD/dir,dst=/m,readonly" --tmpfs /t/a:size=1m,mode=700 --mount type=tmpfs,dst=/t/b \
        app sh -c 'cat /m/file; touch /m/x 2>/dev/null || echo read-only; stat -c %a /t/a /t/b; echo x >/t/b/x
        sed -n "s|.* /t/a tmpfs \\([a-z,]*\\),relatime.*|\\1|p" /proc/mounts' | tr '\n' ' ')" "text read-only 700 1777 rw,nosuid,nodev,noexec "
    same "$(run --rm --init --name web -l a=b --log-driver none --stop-signal INT --restart no --network bridge --detach=false \
        -a stdout --platform local --uts private --security-opt no-new-privileges app echo fine)" fine
    [ "$(run --privileged app grep CapBnd /proc/self/status)" != "$(run app grep CapBnd /proc/self/status)" ] || die "no more rights"
    fails 125 cbuild run --platform linux/s390x app true
    has "$out" "in the store is for linux/"
    fails 125 cbuild run nothing true
    has "$out" "--pull=missing asks its registry"
    fails 125 cbuild run -d app true
    has "$out" "there is no daemon"
    fails 125 cbuild run -p 80:80 app true
    has "$out" "--network host"
    fails 125 cbuild run -v name:/x app true
    has "$out" "no volumes with names"
    fails 125 cbuild run --mount type=bind,dst=/x app true
    has "$out" "src= is missing"
    fails 124 cbuild run --timeout 1 app sleep 1000
}

t_run_on_a_terminal() {
    context c <<X
$base
X
    cbuild -t app c 2>/dev/null
    on_terminal 70x20 run -it app sh -c 'tty && stty size && test -t 0 && test -t 1 && echo $((6 * 7)); exit 4' || status=$?
    same "$status" 4
    has "$(cat shown)" "/dev/pts/0
20 70
42"
}

# A signal does to the command what it does to any process, although it is the first of its namespace. (The shell has SIGINT and
# SIGQUIT ignored in what it starts behind its back.)
t_run_passes_signals_on() {
    context c <<X
$base
X
    cbuild -t app c 2>/dev/null
    started() { # started ARGS…: until the command has said so
        : >log
        env --default-signal "$CBUILD" run "$@" >log 2>&1 &
        pid=$!
        wait_for 20 grep -q ready log
    }
    ends() { # ends STATUS
        status=0
        wait $pid || status=$?
        same "$status" "$1"
    }
    started app sh -c 'for s in TERM INT HUP USR1 USR2 QUIT WINCH; do trap "echo $s; n=\$((n + 1))" $s; done
        n=0; echo ready; while [ $n -lt 7 ]; do sleep 0.02; done; exit 9'
    for sig in TERM INT HUP USR1 USR2 QUIT WINCH; do
        kill -$sig $pid
        wait_for 20 grep -q ^$sig log
    done
    ends 9
    for sig in USR1 QUIT TERM; do
        started app sh -c 'echo ready; exec sleep 1000'
        kill -WINCH $pid
        kill -$sig $pid
        ends $((128 + $(kill -l $sig 2>/dev/null || env kill -l $sig)))
    done
    started --sig-proxy=false app sh -c 'trap "" TERM; echo ready; sleep 1000'
    kill -TERM $pid
    ends 143
    started app sh -c 'trap "echo no" TERM; echo ready; while :; do sleep 1; done'
    for _ in 1 2 3; do
        kill -TERM $pid
        sleep 0.1
    done
    ends 143
}

t_invoke_on_error() {
    context c <<X
${base}WORKDIR /w
ENV A=1
RUN --mount=type=secret,id=s echo made >f; rm /bin/ls; exit 3
X
    echo hidden >s
    status=0
    # shellcheck disable=SC2016
    out=$(echo 'cat f; pwd; echo $A; [ -e /bin/ls ] || echo gone; cat /run/secrets/s; echo more >f; exit 9' |
        "$CBUILD" --secret id=s,src=s --invoke=on-error c 2>log) || status=$?
    same "$status" 1
    has "$(cat log)" "exit code: 3"
    same "$out" "made
/w
1
gone
hidden"
    out=$(echo '' | "$CBUILD" --secret id=s,src=s --invoke=on-error,/bin/cat,/w/f c 2>log) || status=$?
    same "$out" made
    out=$(echo '' | "$CBUILD" --secret id=s,src=s --invoke=on-error,/nope c 2>log) || status=$?
    has "$(cat log)" "ERROR: exec: \"/nope\""
    on_terminal 70x20 --progress=plain --secret id=s,src=s --invoke=on-error,/bin/tty c || status=$?
    has "$(cat shown)" "/dev/pts/0"
    fails 2 cbuild --invoke=sometimes c
    fails 2 cbuild --invoke=on-error - <c/Dockerfile
    echo "FROM scratch" >c/Dockerfile
    cbuild --invoke=on-error c </dev/null
}

# The failure of a step ends everything that ran, what made the network of the build too.
t_invoke_has_the_network_of_the_step() {
    context c <<X
${base}RUN cut -d: -f1 /proc/net/dev >/net; false
X
    out=$(echo 'cut -d: -f1 /proc/net/dev | cmp - /net && echo same' | "$CBUILD" --invoke=on-error c 2>log) || [ $? = 1 ]
    same "$out" same
}
