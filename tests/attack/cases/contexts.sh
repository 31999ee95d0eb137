# Build contexts that are not the user's own work: links that lead out, directories swapped while they are read, archives,
# and git repositories that want to run something.
# shellcheck source=../../e2e/remote.sh
. "$E2E_HERE/remote.sh"

executed() { # nothing that a hostile repository names was run
    found=$(find "$CASE_DIR" -name "PWNED-$$" 2>/dev/null || true)
    same "$found" ""
}

# Commits .gitmodules and a submodule at PATH, which is a commit of the repository itself.
with_submodule() { # with_submodule NAME PATH
    git -C "$1" add .gitmodules
    git -C "$1" update-index --add --cacheinfo "160000,$(git -C "$1" rev-parse HEAD),$2"
    git -C "$1" commit -q -m "a submodule"
    git -C "$1" push -q origin HEAD:trunk
    git -C "www/git/$1.git" update-server-info
}

# What a link in the context leads to is of the context, whatever takes it: COPY, ADD, patterns, mounts, ignore files.
t_links_out_of_the_context() {
    for line in 'COPY abs/text /x' 'COPY up/text /x' 'ADD abs /x' 'COPY *p/text /x' 'COPY --link abs /x/' 'COPY --parents up/./text /x/' \
        'COPY file /x' 'COPY deep/deep/text /x' 'COPY proc/text /x' 'RUN --mount=source=abs,target=/x cat /x/text' 'COPY . /x' 'COPY --exclude=x . /x' \
        'COPY fd /x' 'ADD --checksum=sha256:'"$(printf '0%.0s' $(seq 64))"' file /x'; do
        box c <<Y
${base}$line
RUN cat /x/* /x/*/* /x 2>/dev/null; true
Y
        ln -sfn "$CASE_DIR/beside" c/abs
        ln -sfn ../../beside c/up
        ln -sfn "$CASE_DIR/beside/text" c/file
        ln -sfn "/proc/self/cwd/../../beside" c/proc
        ln -sfn "/proc/self/fd/5/../beside" c/fd
        mkdir -p c/deep
        ln -sfn ../../../beside c/deep/deep
        attack c
    done
    ln -sfn "$CASE_DIR/beside/text" c/.dockerignore
    attack c
}

# A directory of the context is a link out of it at the next moment, as fast as the kernel can exchange them: what is read
# must be of the context, whichever of the two was seen.
t_context_swapped_while_it_is_read() {
    box c <<Y
${base}COPY d /x
COPY d/text /y
ADD d/*xt /z/
RUN --mount=source=d,target=/m cat /m/* 2>/dev/null; true
Y
    mkdir -p c/d
    for f in text run more; do echo of-the-context >"c/d/$f"; done
    "$ATTACK_TOOLS/programs/swap" c d ../../beside "$PWD/stop" >swap.out 2>&1 &
    swapper=$!
    trap 'touch stop' EXIT
    wait_for 20 test -e stop.ready
    good=0
    for n in $(seq 24); do
        attack c
        [ "$status" = 1 ] || good=$((good + 1))
        rm -rf "$CBUILD_ROOT/records" "$CBUILD_ROOT/context"
    done
    touch stop
    wait $swapper
    held_in swap.out swapped
    echo "$good of 24 built"
}

# The same where COPY --from and a bind mount read what a parallel step swaps.
t_stage_swapped_while_it_is_read() {
    box c swap <<Y
FROM scratch AS base
COPY --from=tools / /
COPY a/ /a/
FROM base AS one
RUN mkdir /s && (/a/swap /s d /proc/1/root/../.. /stop & sleep 0.1; touch /stop; wait)
FROM base
COPY --from=one /s/d /x
RUN --mount=from=one,source=/s,target=/m,rw --mount=type=cache,target=/m/d ls /m /m/d /x; true
Y
    attack c
    [ "$status" = 0 ] || has "$out" "ERROR: "
}

# An archive as context, with everything that hostile layers have, and a Dockerfile that is a link to a file of the host.
t_archives_on_standard_input() {
    for kind in devices parents links opaque overlay fifo; do
        python3 "$E2E_SUITE/hostiletar.py" $kind $kind.tar "$CASE_DIR/beside"
        printf 'FROM scratch\nCOPY . /\n' >Dockerfile
        tar -rf $kind.tar Dockerfile
        status=0
        timeout 60 "$CBUILD" --progress=plain - <$kind.tar >attack.out 2>&1 || status=$?
        [ "$status" -le 1 ] || die "$kind: $(cat attack.out)"
        unharmed attack.out
    done
    for to in "$CASE_DIR/beside/text" ../../../../../../../../../../../../.."$CASE_DIR/beside/text" /proc/self/environ; do
        mkdir t
        ln -s "$to" t/Dockerfile
        tar -C t -cf t.tar .
        "$CBUILD" - <t.tar >attack.out 2>&1 && die "a Dockerfile of the host was built"
        unharmed attack.out
        rm -r t
    done
}

# CVE-2022-24765 and its kin: the configuration and hooks in a context's .git name programs, which a git that is run there
# would execute. CVE-2024-23653's lesson: nothing of a context has a say over what runs outside.
t_git_directory_of_a_context() {
    needs git
    box c <<Y
${base}COPY . /x
Y
    git init -q c && git -C c add -A && git -C c commit -qm one
    printf '#!/bin/sh\ntouch "%s"\n' "$CASE_DIR/PWNED-$$" >hook
    chmod 755 hook
    for key in core.fsmonitor core.sshCommand core.pager core.editor diff.external credential.helper core.hooksPath core.gitProxy \
        gpg.program uploadpack.packObjectsHook core.askPass filter.f.smudge filter.f.clean filter.f.process; do
        git -C c config $key "$PWD/hook"
    done
    echo '* filter=f' >c/.gitattributes
    for hook in post-checkout pre-commit post-index-change reference-transaction fsmonitor-watchman; do cp hook c/.git/hooks/$hook; done
    attack c
    same "$status" 0
    attack --build-arg SOURCE_DATE_EPOCH=context c
    executed
    attack --build-context other=c --build-arg BUILDKIT_CONTEXT_KEEP_GIT_DIR=1 c
    executed
}

# A repository whose submodules, links and attributes lead elsewhere (CVE-2018-11235, CVE-2018-17456, CVE-2022-39253).
t_hostile_repository() {
    needs git
    serve
    repository r
    printf 'FROM scratch\nCOPY . /\n' >r/Dockerfile
    ln -s "$CASE_DIR/beside" r/abs
    ln -s "$CASE_DIR/beside/text" r/Linked
    ln -s ../../../../../beside r/sub
    echo '* filter=f' >r/.gitattributes
    push r
    attack "$url/git/r.git"
    same "$status" 0
    attack -f Linked "$url/git/r.git"
    same "$status" 1
    for sub in abs sub ../.. /etc .git abs/../..; do
        attack "$url/git/r.git#:$sub"
    done
    for module in "ext::sh -c touch% $CASE_DIR/PWNED-$$" "file://$CASE_DIR/w/r" "$CASE_DIR/w/r" "-u./x" '../../../beside' "--upload-pack=touch $CASE_DIR/PWNED-$$"; do
        printf '[submodule "m"]\n\tpath = m\n\turl = %s\n\tupdate = !touch %s\n' "$module" "$CASE_DIR/PWNED-$$" >r/.gitmodules
        with_submodule r m
        attack "$url/git/r.git"
        attack --no-cache "$url/git/r.git#trunk"
        executed
    done
    printf '[submodule "../../../m"]\n\tpath = abs-m\n\turl = %s\n' "$url/git/r.git" >r/.gitmodules
    with_submodule r abs-m
    attack "$url/git/r.git"
    executed
}

# References, paths and URLs that a git command would take for options or for a transport that runs programs.
t_repositories_that_are_options() {
    needs git
    serve
    repository r
    printf 'FROM scratch\nCOPY . /\n' >r/Dockerfile
    push r
    run="touch $CASE_DIR/PWNED-$$"
    for context in "$url/git/r.git#--upload-pack=$run" "$url/git/r.git#-c core.fsmonitor=$run" "$url/git/r.git#--exec=$run:sub" \
        "ext::sh -c '$run'.git" "git@-oProxyCommand=$run:r.git" "ssh://-oProxyCommand=$run/r.git" "file://$PWD/www/git/r.git"; do
        status=0
        GIT_SSH_COMMAND='' timeout 60 "$CBUILD" --progress=plain "$context" >attack.out 2>&1 </dev/null || status=$?
        [ "$status" != 0 ] || case $context in file:*) ;; *) die "$context was built" ;; esac
        [ "$status" -le 2 ] || die "$context: status $status: $(cat attack.out)"
        unharmed attack.out
        executed
    done
    box c <<Y
${base}ADD $url/git/r.git#--upload-pack=touch /x
Y
    refused c
    executed
}

# Names of stages, images, files and variables that lead out of where they are kept.
t_names_that_are_paths() {
    for line in "COPY --from=../../../beside text /x" "COPY --from=oci-layout://$CASE_DIR/beside text /x" "COPY ../beside/text /x" \
        "COPY ../../../../../../../../../../../..$CASE_DIR/beside/text /x" "ADD file://$CASE_DIR/beside/text /x" "RUN --mount=from=../beside,target=/m cat /m/text" \
        "COPY --from=tools ../../beside/text /x" "COPY --from=tools /../../../../../../../../../../..$CASE_DIR/beside/text /x"; do
        box c <<Y
${base}$line
RUN cat /x
Y
        refused c
    done
    for tag in ../../beside/planted a/../../b /abs; do
        box c <<Y
FROM scratch
Y
        status=0
        "$CBUILD" -t "$tag" c >attack.out 2>&1 || status=$?
        unharmed attack.out
    done
}

# A repository that comes by http names a private one as its submodule, by ssh: the agent and the keys of whoever builds
# would fetch it. They are for repositories that the user names so; an agent of --ssh is for all.
t_submodules_by_ssh() {
    needs git
    serve
    repository r
    printf 'FROM scratch\nCOPY . /\n' >r/Dockerfile
    push r
    mkdir bin
    printf '#!/bin/sh\necho "called: agent $SSH_AUTH_SOCK $*" >>%s\nexit 1\n' "$PWD/ssh.log" >bin/ssh
    chmod 755 bin/ssh
    export SSH_AUTH_SOCK="$PWD/own" PATH="$PWD/bin:$PATH"
    python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("given")'
    for module in ssh://git@private.example/x.git git@private.example:x.git ssh+git://git@private.example/x git+ssh://git@private.example/x; do
        printf '[submodule "m"]\n\tpath = m\n\turl = %s\n' $module >r/.gitmodules
        with_submodule r m
        box c <<Y
${base}ADD $url/git/r.git#trunk /x
Y
        refused "$url/git/r.git"
        has "$out" "not allowed"
        refused --build-context x="$url/git/r.git" c
        refused c
        [ ! -e ssh.log ] || die "ssh was started: $(cat ssh.log)"
    done
    refused --ssh default="$PWD/given" c
    has "$(cat ssh.log)" "called: agent $PWD/given"
    has "$(cat ssh.log)" "IdentityFile=none"
    rm ssh.log
    refused git@own.example:r.git
    has "$(cat ssh.log)" "called: agent $PWD/own"
    hasnt "$(cat ssh.log)" "IdentityFile=none"
}

# A tree so deep that not all of it can be opened at once: what of it was not looked at is an error. Submodules' .git lie there.
t_deeper_than_descriptors_reach() {
    needs git
    serve
    repository r
    printf 'FROM scratch\nCOPY . /\n' >r/Dockerfile
    mkdir -p "r/$(printf 'd/%.0s' $(seq 300))"
    touch "r/$(printf 'd/%.0s' $(seq 300))f"
    push r
    ulimit -n 200
    refused "$url/git/r.git"
    has "$out" "open the directory 'd' of a checkout: Too many open files"
}
