# Mistakes: each is named, with its place and the way out, and leaves nothing behind.

# wrong DOCKERFILE-TEXT LINE TEXT…: exit 1, the place, the excerpt, these texts.
wrong() {
    # shellcheck disable=SC2059 # the format is the text
    printf "$1" >Dockerfile
    line=$2
    shift 2
    fails 1 cbuild .
    has "$out" "Dockerfile:$line"
    has "$out" "$line | >>> "
    has "$out" "ERROR: "
    for text in "$@"; do has "$out" "$text"; done
    [ ! -d "$CBUILD_ROOT/records" ] || same "$(find "$CBUILD_ROOT/records" -type f | wc -l)" 0
}

t_mistakes_in_dockerfiles() {
    wrong 'FROM scratch\nCOPPY a b\n' 2 "unknown instruction: COPPY" "did you mean COPY?"
    wrong 'FROM scratch\nCOPY a\n' 2 COPY "at least two arguments"
    wrong 'FROM scratch\nCOPY --form=x a b\n' 2 "form" "did you mean from?"
    wrong 'RUN x\n' 1 "no build stage"
    wrong 'FROM scratch\nEXPOSE 99999\n' 2 99999
    wrong 'FROM scratch\nENV A\n' 2 ENV
    wrong 'FROM scratch\nHEALTHCHECK --interval=x CMD y\n' 2 x
    wrong 'FROM scratch\nFROM Bad_Name!x\n' 2 "Bad_Name"
    wrong 'FROM scratch AS 1x\n' 1 1x
    wrong 'FROM scratch\nRUN <<EOF\nx\n' 2 "EOF"
    wrong 'FROM scratch\nRUN --mount=type=nothing x\n' 2 nothing
    wrong 'FROM scratch\nADD --checksum=x http://h/f /\n' 2 checksum
    wrong 'FROM $NOTHING\n' 1 "base name"
    wrong 'FROM scratch\nSTOPSIGNAL SIGNOPE\n' 2 SIGNOPE
    wrong 'FROM scratch\nUSER\n' 2 USER
    wrong 'FROM scratch\nONBUILD ONBUILD RUN x\n' 2 ONBUILD
    wrong 'FROM scratch\nSHELL /bin/sh\n' 2 SHELL
    wrong 'FROM scratch\nENV A=${B:?not given}\n' 2 "not given"
    wrong 'FROM scratch\nCOPY ${A /\n' 2 '${A'
}

# What stages take from each other: what is wrong with a stage that is not built, and which mistake comes first.
t_mistakes_between_stages() {
    wrong 'FROM scratch AS a\nCOPY --from=b /x /y\nFROM scratch AS b\nCOPY --from=a /y /x\n' 2 \
        "circular dependency detected on stage: a"
    wrong 'FROM scratch\nCOPY Dockerfile /\nFROM scratch AS a\nRUN --mount=from=B,target=/m x\nFROM scratch AS b\nCOPY --from=a /y /x\n' 4 \
        "circular dependency detected on stage: a"
    wrong 'FROM scratch AS a\nCOPY --from=A /x /y\n' 2 "circular dependency detected on stage: a"
    wrong 'FROM scratch AS a\nCOPY --from=b /x /y\nFROM a AS b\n' 2 \
        'cannot copy from stage "b", it needs to be defined before current stage "a"'
    wrong 'FROM scratch AS a\nARG T=/m\nRUN --mount=from=b,target=$T x\nFROM scratch AS b\nFROM a\n' 3 \
        'cannot mount from stage "b" to "/m", stage needs to be defined before current command'
    wrong 'FROM scratch AS scratch\nRUN --mount=type=cache,target=/x y\n' 2 "circular dependency detected on stage: scratch"
    wrong 'FROM scratch AS a\nRUN --mount=type=cache,target=/x y\nFROM a AS scratch\n' 2 \
        'cannot mount from stage "scratch" to "/x", stage needs to be defined before current command'
    wrong 'FROM Bad\nFROM scratch\nCOPY --from=+09 / /\n' 3 "invalid stage index 9"
    wrong 'FROM scratch\nCOPY --from=1 / /\nCOPY --from=b / /\n' 2 "invalid stage index 1"
    wrong 'FROM scratch\nCOPY --from=Bad /x /\nFROM Bad2\n' 3 'failed to parse stage name "Bad2"'
    wrong 'FROM scratch\nCOPY --from=${x /x /\n' 2 "unsupported modifier"
    wrong 'FROM --platform=${X:?none} scratch\n' 1 'failed to process arguments for platform : failed to process "${X:?none}": X: none'

    printf 'FROM scratch AS early\nCOPY --from=late /x /y\nFROM scratch AS late\nCOPY Dockerfile /x\n' >Dockerfile
    cbuild .
    fails 1 cbuild --target early .
    has "$out" 'cannot copy from stage "late", it needs to be defined before current stage "early"'
    cbuild --build-context late=. --target early . && die "there is no /x"
    touch x
    cbuild --build-context late=. --target early .
    printf 'FROM Bad\nFROM scratch AS a\n' >Dockerfile
    fails 1 cbuild --target b .
    has "$out" 'target stage "b" could not be found (did you mean a?)'
    fails 1 cbuild --target A1 .
    has "$out" 'target stage "A1" could not be found (did you mean a?)'
    fails 1 cbuild --target AAA .
    hasnt "$out" 'did you mean'
}

t_several_mistakes_at_once() {
    printf 'FROM scratch\nCOPPY a b\nRUUN x\nENTRYPOIN y\n' >Dockerfile
    fails 1 cbuild .
    has "$out" COPPY
    has "$out" RUUN
    has "$out" ENTRYPOIN
}

# The first is BuildKit's; what may only be wrong because of another one is left out, and warnings end at the first.
t_several_mistakes_in_stages() {
    printf 'FROM scratch AS a\nENV A=${B:?b1}\nUSER ${A:?hidden}\nFROM a\nUSER ${A:?hidden}\nCOPY --from=a ${C:?hidden} /\nFROM scratch\nRUN []\nCOPY --from=1 / /\nUSER ${Q:?q1}\nLABEL a=$UNDEFINED\nSTOPSIGNAL foo\nVOLUME ""\n' >Dockerfile
    fails 1 cbuild .
    same "$(echo "$out" | sed -n 's/^Dockerfile://p' | tr '\n' ' ')" "2 10 12 13 8 "
    has "$out" "arguments are required"
    hasnt "$out" ": hidden"
    hasnt "$out" "variable '\$UNDEFINED"
    fails 1 cbuild --check .
    hasnt "$out" "arguments are required"

    printf 'FROM $A\nFROM scratch AS s\nFROM --platform=$C scratch\nFROM --platform=a/b/c/d s\n' >Dockerfile
    fails 1 cbuild .
    same "$(echo "$out" | sed -n 's/^Dockerfile://p' | tr '\n' ' ')" "1 3 4 "

    printf 'FROM Bad\nFROM scratch\nCOPY --from=Bad2 / /\nCOPY --from=Bad3 / /\n' >Dockerfile
    fails 1 cbuild .
    same "$(echo "$out" | sed -n 's/^Dockerfile://p' | tr '\n' ' ')" "1 3 4 "

    printf 'FROM scratch\nCOPY --from=7 / /\nCOPY --from=8 / /\n' >Dockerfile
    fails 1 cbuild .
    same "$(echo "$out" | sed -n 's/^Dockerfile://p' | tr '\n' ' ')" "2 3 "

    printf 'FROM scratch\nCOPY no1 /\nRUN --mount=target=/m,source=no2 x\nCOPY Dockerfile no3 /x/\n' >Dockerfile
    fails 1 cbuild .
    same "$(echo "$out" | sed -n 's/^Dockerfile://p' | tr '\n' ' ')" "2 3 4 "
}

# What BuildKit finds in the finished plan comes behind what it finds while it makes it.
t_late_mistakes() {
    wrong 'FROM scratch\nRUN []\nUSER ${A:?no}\n' 3 "A: no" "arguments are required"
    printf '%s\n' 'FROM scratch' 'USER ${A:?no}' "RUN --mount=type=tmpfs,target=/x'\\' <<E 'a\\'" x E >Dockerfile
    fails 1 cbuild .
    same "$(echo "$out" | sed -n 's/^Dockerfile://p' | tr '\n' ' ')" "2 3 "
    has "$out" "parsing produced an invalid run command: []"
    wrong 'FROM scratch\nRUN x \377\nUSER ${A:?no}\n' 3 "A: no" "invalid UTF-8"
}

t_empty_dockerfiles() {
    for text in '' '\n\n' '# only a comment\n' 'ARG A=1\n'; do
        # shellcheck disable=SC2059 # the format is the text
        printf "$text" >Dockerfile
        fails 1 cbuild .
        has "$out" ERROR:
    done
    rm Dockerfile
    fails 1 cbuild .
    has "$out" Dockerfile
    mkdir Dockerfile
    fails 1 cbuild .
    has "$out" Dockerfile
}

t_missing_files() {
    mkdir -p src
    touch src/main.c
    wrong 'FROM scratch\nCOPY src/mian.c /\n' 2 "src/mian.c" "not found"
    wrong 'FROM scratch\nCOPY ../up /\n' 2 "/up" "not found"
    wrong 'FROM scratch\nCOPY --from=nostage / /\n' 2 nostage
    wrong 'FROM scratch AS one\nCOPY src /\nFROM scratch\nCOPY --from=onee /x /\n' 4 "no stage before it is called 'onee'" "did you mean 'one'?"
    echo src >.dockerignore
    wrong 'FROM scratch\nCOPY src/main.c /\n' 2 "src/main.c"
    printf 'FROM scratch AS one\nCOPY Dockerfile /x\nFROM scratch\nCOPY --from=one /y /\n' >Dockerfile
    fails 1 cbuild .
    has "$out" "Dockerfile:4"
    has "$out" '"/y": not found'
}

t_unknown_stage() {
    printf 'FROM scratch AS build\nCOPY Dockerfile /\n' >Dockerfile
    fails 1 cbuild --target biuld .
    has "$out" biuld
    fails 1 cbuild --target 7 .
    has "$out" 7
    # A name that is no stage's is an image's. When it cannot be had, only a stage that could stand here was meant.
    printf 'FROM scratch AS build\nFROM biuld AS it\nFROM scratch AS builds\n' >Dockerfile
    printf '[[registry]]\nprefix = "docker.io"\nlocation = "127.0.0.1:1"\ninsecure = true\n' >registries.conf
    export CONTAINERS_REGISTRIES_CONF="$PWD/registries.conf"
    for pull in never missing always; do
        fails 1 cbuild --pull=$pull --target it .
        has "$out" Dockerfile:2
        has "$out" "hint: no stage before it is called 'biuld': did you mean 'build'?"
    done
    printf 'FROM build AS build\nFROM scratch AS built\n' >Dockerfile
    fails 1 cbuild --pull=never --target build .
    hasnt "$out" "did you mean"
    has "$out" "hint: pull it first"
}

t_bad_usage() {
    printf 'FROM scratch\nCOPY Dockerfile /\n' >Dockerfile
    while read -r named args; do
        # shellcheck disable=SC2086 # words
        fails 2 cbuild $args
        has "$out" "$named"
        has "$out" "ERROR: "
    done <<X
--nosuch --nosuch .
-Z -Z .
--tag -t lower/UPPER .
--tag . --tag
--jobs --jobs=-1 .
--jobs -j many .
--output -o type=oci,=x .
dest -o type=oci,tar=false .
--network --network=mynet .
--allow --allow=everything .
--build-arg --build-arg =x .
--secret --secret nonsense .
--ulimit --ulimit x .
--add-host --add-host x .
--platform --platform=a/b/c/d/e .
--progress --progress .. .
--shm-size --shm-size=x .
--no-cache --no-cache=perhaps .
two one two
--pull --pull=x .
X
    fails 2 cbuild
    fails 2 cbuild images too many
    fails 2 cbuild rmi
    fails 2 cbuild prune --keep-storage lots
    has "$out" "--keep-storage"
    fails 2 cbuild inspect
}

t_names_of_kilobytes() {
    long=$(printf '%01500d' 7)
    printf 'FROM scratch\nCOPY %s/%s /d\n' "$long" "$long" >Dockerfile
    fails 1 cbuild .
    has "$out" "not found"
    [ "$(echo "$out" | grep '^ERROR' | wc -c)" -lt 1500 ] || die "$out"
}

t_a_mount_over_the_devices() {
    cp /bin/busybox busybox
    printf '%sRUN --mount=type=tmpfs,target=/dev true\n' "$base" >Dockerfile
    fails 1 cbuild .
    has "$out" "a mount of the step covers it"
    has "$out" "hint: what a command needs in /dev is there already"
}

t_missing_context() {
    fails 1 cbuild no/such/dir
    has "$out" no/such/dir
    echo x >file
    status=0
    out=$(cbuild file 2>&1) || status=$?
    [ "$status" != 0 ] || die "a file is no context"
    has "$out" file
}

t_did_you_mean_of_options() {
    printf 'FROM scratch\n' >Dockerfile
    fails 2 cbuild --taget x .
    has "$out" "unknown option '--taget'"
    has "$out" "hint: did you mean --target? 'cbuild build --help' lists all options"
    fails 2 cbuild prune --al
    has "$out" "hint: did you mean --all? 'cbuild prune --help'"
    fails 2 cbuild tag one
    has "$out" "cbuild tag NAME NEW-NAME"
    fails 2 cbuild images --format '{{.Size'
    has "$out" "'{{' without '}}'"
}

# A word that is nearly a command's name and no directory; a directory of that name is a context.
t_did_you_mean_of_commands() {
    for args in pul 'pul app:1' 'imags -q' 'help imags'; do
        # shellcheck disable=SC2086 # words
        fails 2 cbuild $args
        has "$out" "hint: did you mean 'cbuild "
    done
    fails 2 cbuild help nothing
    has "$out" "hint: 'cbuild --help' shows the commands"
    fails 1 cbuild ./pul
    mkdir pul images
    for dir in pul images; do printf 'FROM scratch\nCOPY Dockerfile /\n' >$dir/Dockerfile; done
    cbuild -q pul >/dev/null
    cbuild -q ./images >/dev/null
    cbuild build -q images >/dev/null
}

t_unreadable_files() {
    only range single # root reads every file
    printf 'FROM scratch\nCOPY secret /\n' >Dockerfile
    echo x >secret && chmod 0 secret
    fails 1 cbuild .
    has "$out" secret
    has "$out" ermission
    chmod 600 secret
    cbuild -q . >/dev/null
    mkdir d && chmod 0 d
    printf 'FROM scratch\nCOPY . /\n' >Dockerfile
    fails 1 cbuild .
    has "$out" "ermission"
    chmod 700 d
}

# The commands as --help lists them.
commands() {
    cbuild --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p' | grep -vx 'help\|version'
}

t_help_of_every_command() {
    only root
    [ "$(commands | wc -l)" -gt 8 ] || die "commands: $(commands)"
    for command in $(commands); do
        cbuild "$command" --help >help
        has "$(head -n 1 help)" "Usage: cbuild $command "
        has "$(cat help)" "  --root DIR "
        cbuild help "$command" | cmp - help
        [ "$command" = run ] || cbuild "$command" -h | cmp - help # there -h is the host's name, as with docker
        awk 'length > 130 || / $/' help | grep . && die "a line of 'cbuild $command --help'"
        for option in $(grep -o '^ *\(-., \)\?--[a-z-]*' help | grep -o -- '--[a-z-]*'); do
            # --help behind it ends it well: nothing is removed, and the first is the value of one that needs one
            out=$(cbuild "$command" "$option" --help --help 2>&1 </dev/null) || true
            hasnt "$out" "unknown option"
        done
        wrong=2
        [ "$command" != run ] || wrong=125 # the others are the command's
        fails $wrong cbuild "$command" --nosuch
        has "$out" "unknown option '--nosuch'"
        has "$out" "'cbuild $command --help' lists all options"
    done
    cbuild help | cmp - help && die "the help of all is that of one"
    cbuild help >help
    cbuild --help | cmp - help
    cbuild -h | cmp - help
    has "$(cbuild -t app:1 --help)" "Usage: cbuild build "
    [ ! -e "$CBUILD_ROOT" ] || die "asking for help made a store"
    has "$(cbuild --version)" "cbuild "
}

t_symlink_loops_in_the_context() {
    ln -s b a && ln -s a b && ln -s . here && mkdir d && ln -s ../.. d/up
    printf 'FROM scratch\nCOPY . /\n' >Dockerfile
    rootfs .
    [ -L root/a ] && [ -L root/here ] || die "links are not links: $(ls -l root)"
    printf 'FROM scratch\nCOPY a /x\n' >Dockerfile
    fails 1 cbuild .
    has "$out" "Dockerfile:2"
}

t_special_files_in_the_context() {
    mkfifo fifo
    python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("sock")'
    echo x >f
    printf 'FROM scratch\nCOPY f /\n' >Dockerfile
    cbuild -q . >/dev/null
    printf 'FROM scratch\nCOPY . /all/\n' >Dockerfile
    status=0
    timeout 20 "$CBUILD" . >log 2>&1 || status=$?
    [ "$status" -le 1 ] || die "status $status: $(cat log)"
}

# Names of megabytes: the reason is said, and what it is said of is cut.
t_enormous_texts() {
    big() { # big BYTES
        head -c "$1" /dev/zero | tr '\0' x
    }
    enormous() { # enormous REASON: the build of c fails for this reason
        fails 1 cbuild --progress=plain c
        has "$out" "$1"
        has "$out" "…"
        hasnt "$out" "without an answer"
        [ "${#out}" -lt 40000 ] || die "${#out} bytes of output"
    }
    context c <<X
${base}
X
    cp c/Dockerfile start
    (cat start && echo "RUN true $(big 3000000)") >c/Dockerfile
    enormous "argument list too long"
    (cat start && echo "USER $(big 1000000)" && echo "RUN true") >c/Dockerfile
    enormous "did not complete successfully"
    (cat start && echo "RUN [\"/bin/$(big 1000000)\"]") >c/Dockerfile
    enormous "did not complete successfully"
    (cat start && echo "RUN true $(big 100000); exit 3") >c/Dockerfile
    enormous "exit 3\" did not complete successfully: exit code: 3"
    (cat start && echo "RUN --mount=type=secret,id=$(big 1000000),required true") >c/Dockerfile
    enormous "secret"
    (cat start && echo "COPY $(big 1000000) /") >c/Dockerfile
    enormous "not found"
    (cat start && printf 'RUN <<E\n#!/bin/sh\n: %s\nexit 4\nE\n' "$(big 3000000)") >c/Dockerfile
    fails 1 cbuild c
    has "$out" "exit code: 4"
    sed -i 's/^exit 4/echo of-three-megabytes/' c/Dockerfile
    cbuild --progress=plain c 2>log
    has "$(cat log)" of-three-megabytes
}

# More layers than a step can be told of.
t_step_of_too_many_layers() {
    (
        echo 'FROM scratch AS a'
        for i in $(seq 90); do printf 'COPY <<E /f%s\n%s\nE\n' "$i" "$i"; done
        printf 'FROM a\nRUN'
        for i in $(seq 80); do printf ' --mount=from=a,target=/m%s' "$i"; done
        echo ' ["/x"]'
    ) >Dockerfile
    fails 1 cbuild --progress=plain .
    has "$out" "names of layers"
    has "$out" "hint: "
    has "$out" "ERROR: the step"
    has "$out" ">>> RUN"
}

# What is sent of a context is found by another matcher, for which '**' is any number of directories.
t_wildcard_without_match() {
    mkdir -p c/f/sub/subsub/x && touch c/f/a.txt
    printf 'FROM scratch\nCOPY f/**/*sub/*.txt /\n' >c/Dockerfile
    cbuild -q c
    mv c/f c/g
    fails 1 cbuild -q c
    has "$out" "lstat /f: no such file or directory"
    printf 'FROM scratch\nCOPY g/none* /\n' >c/Dockerfile
    fails 1 cbuild -q c
    has "$out" "lstat /g: no such file or directory"
}
