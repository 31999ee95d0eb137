# ADD of URLs and git references.
# shellcheck source=../remote.sh
. "$E2E_HERE/remote.sh"

t_url() {
    serve
    echo hello >www/f
    touch -d @1600000000 www/f
    add "ADD $url/f?x=y /d/
ADD --chmod=755 --chown=1:2 $url/redirect/f /e"
    same "$(cat root/d/f root/e)" "$(printf 'hello\nhello')"
    has "$(listing)" "-rw------- 0/0               6 2020-09-13"
    has "$(listing)" "-rwxr-xr-x 1/2               6 2020-09-13"
    cbuild -f add.Dockerfile empty 2>log
    has "$(cat log)" "0 steps run, 2 cached"
    same "$(asked 'GET /f.* 304')" 2
    echo changed >www/f
    add "ADD $url/f /d/"
    same "$(cat root/d/f)" changed
}

t_url_whose_etag_cannot_be_sent_back() {
    serve
    echo one >www/control
    add "ADD $url/control /"
    echo two >www/control
    add "ADD $url/control /"
    same "$(cat root/control)" two
    # one that is in the store already, from before such were left out
    memory=$(ls "$CBUILD_ROOT"/fetch/*)
    jq -c '.etag = "a\u0001b"' "$memory" >changed && cat changed >"$memory"
    echo three >www/control
    add "ADD $url/control /"
    same "$(cat root/control)" three
}

t_url_names() {
    serve
    mkdir -p www/d
    echo x >www/a%2520b
    echo y >www/d/index
    add "ADD $url/a%2520b /"
    [ -f 'root/a%20b' ] || die "$(ls root)"
    echo z >www/d%2Fg
    add "ADD $url/d%2Fg /"
    [ -f root/g ] || die "$(ls root)"
    fails_add "ADD $url/status/503 /"
    has "$out" "invalid response status 503"
    fails_add "ADD $url/missing /"
    has "$out" "invalid response status 404"
    has "$out" "add.Dockerfile:2"
}

t_checksums() {
    serve
    echo hello >www/f
    sum=$(sha256sum www/f | cut -d' ' -f1)
    add "ADD --checksum=sha256:$sum $url/f /"
    fails_add "ADD --checksum=sha256:$(echo "$sum" | tr 0-9 1-90) $url/f /"
    has "$out" "digest mismatch sha256:$sum: sha256:"
    before=$(asked GET)
    for bad in "nocolon:invalid checksum digest format" "md5:00:unsupported digest algorithm" "sha256:00:invalid checksum digest length"; do
        fails_add "ADD --checksum=${bad%:*} $url/f /"
        has "$out" "${bad##*:}"
    done
    same "$(asked GET)" "$before"
}

t_archives_of_urls() {
    serve
    mkdir d
    echo x >d/x
    tar -C d -czf www/d.tgz x
    add "ADD $url/d.tgz /p/
ADD --unpack=true $url/d.tgz /u/"
    [ -f root/p/d.tgz ] && [ -f root/u/x ] || die "$(find root)"
    add "ADD --unpack=true $url/d.tgz /p/" # not the cached step of the same words without --unpack
    [ -f root/p/x ] || die "$(find root)"
}

t_url_with_credentials() {
    serve user:pass
    mkdir www/secret
    echo s >www/secret/f
    fails_add "ADD $url/secret/f /"
    has "$out" "status 401"
    add "ADD http://user:pass@${url#http://}/secret/f /"
    same "$(cat root/f)" s
    export TOKEN=user:pass
    add "ADD $url/secret/f /" --secret id=HTTP_AUTH_TOKEN_127.0.0.1,env=TOKEN
    printf 'Basic dXNlcjpwYXNz\n' >header
    add "ADD $url/secret/f /" --secret "id=HTTP_AUTH_HEADER_${url#http://},src=header"
    hasnt "$(cat build.log)" pass
    fails_add "ADD http://user:wrong@${url#http://}/secret/f /"
    hasnt "$(echo "$out" | grep -v ADD)" wrong
}

git_tree() {
    repository r
    mkdir -p r/sub/dir
    echo f >r/f
    printf '#!/bin/sh\n' >r/x
    chmod 775 r/x
    chmod 600 r/f
    echo d >r/sub/dir/d
    ln -s /etc/passwd r/link
    push r
}

t_git() {
    serve
    git_tree
    add "ADD $url/git/r.git /r"
    has "$(listing)" "-rw-r--r-- 0/0               2"
    has "$(listing)" "-rwxr-xr-x 0/0              10"
    has "$(listing)" "r/link -> /etc/passwd"
    [ ! -e root/r/.git ] || die ".git is there"
    cbuild -f add.Dockerfile empty 2>log
    has "$(cat log)" "0 steps run, 1 cached"
    git -C r tag -a v1 -m v1
    echo two >r/f
    push r
    add "ADD --chmod=711 --chown=3 $url/git/r.git#v1:sub/dir /r/"
    has "$(listing)" "-rwx--x--x 3/3               2"
    add "ADD $url/git/r.git#$(git -C r rev-parse v1^{}) /r"
    same "$(cat root/r/f)" f
    add "ADD --exclude=f --exclude=x $url/git/r.git#v1 /r"
    [ ! -e root/r/f ] && [ -e root/r/sub ] || die "$(find root)"
    fails_add "ADD $url/git/r.git#nope /"
    has "$out" "repository does not contain ref nope"
    fails_add "ADD $url/git/r.git#v1:link /"
    has "$out" "invalid subdir link"
    fails_add "ADD $url/git/none.git /"
    has "$out" "git ls-remote: "
}

t_git_times() {
    serve
    git_tree
    add "ADD $url/git/r.git?branch=trunk&mtime=commit /r"
    has "$(listing)" "$commit_time r/f"
}

t_git_branch_before_tag() {
    serve
    git_tree
    git -C r tag both
    echo branch >r/f
    push r both
    git -C www/git/r.git rev-parse refs/tags/both refs/heads/both >ids
    add "ADD $url/git/r.git#both /r"
    same "$(cat root/r/f)" branch
    add "ADD $url/git/r.git#refs/tags/both /r"
    same "$(cat root/r/f)" f
}

# What a checksum names and the URL gave before is not asked for again: it builds without a network.
t_checksum_needs_no_server() {
    serve
    echo hello >www/f
    sum=$(sha256sum www/f | cut -d' ' -f1)
    add "ADD --checksum=sha256:$sum $url/f /"
    before=$(asked GET)
    echo other >www/f
    add "ADD --checksum=sha256:$sum $url/f /x/" --no-cache
    same "$(cat root/x/f)" hello
    same "$(asked GET)" "$before"
    stop_servers
    add "ADD --checksum=sha256:$sum $url/f /y/" --no-cache
    same "$(cat root/y/f)" hello
    fails_add "ADD $url/f /z/"
    has "$out" "$url/f"
}

t_git_checksums() {
    serve
    git_tree
    id=$(git -C r rev-parse HEAD)
    add "ADD --checksum=$id $url/git/r.git /r"
    add "ADD --checksum=$(echo "$id" | cut -c1-10) $url/git/r.git /r"
    fails_add "ADD --checksum=abcdef $url/git/r.git /r"
    has "$out" "expected checksum to match abcdef, got $id"
    fails_add "ADD --checksum=$id $url/git/r.git?checksum=abcdef /r"
    has "$out" 'checksum mismatch "'
}

t_git_dumb_server() {
    serve
    git_tree
    ln -s git www/plain
    add "ADD $url/plain/r.git /r"
    same "$(cat root/r/f)" f
}

t_git_protocol() {
    needs git "$(git --exec-path)/git-daemon"
    mkdir www
    git_tree
    port=$((20000 + $$ % 20000))
    git daemon --base-path="$PWD/www/git" --export-all --listen=127.0.0.1 --port=$port --reuseaddr "$PWD/www/git" 2>daemon.log &
    servers=$!
    trap stop_servers EXIT
    wait_for 10 git ls-remote git://127.0.0.1:$port/r.git
    add "ADD git://127.0.0.1:$port/r.git#trunk /r"
    same "$(cat root/r/f)" f
}

t_git_keeps_its_directory() {
    serve
    git_tree
    add "ADD --keep-git-dir $url/git/r.git /r"
    same "$(git -c safe.directory='*' -C root/r status --porcelain --branch)" "## trunk"
    cbuild -f add.Dockerfile empty 2>log
    has "$(cat log)" "0 steps run, 1 cached"
    fails_add "ADD --keep-git-dir=false $url/git/r.git?keep-git-dir=true /r"
    has "$out" "inconsistent keep-git-dir configuration"
}

t_git_submodules() {
    serve
    git_tree
    repository lib
    echo lib >lib/l
    push lib
    git -C r submodule --quiet add "$url/git/lib.git" mod
    git -C r config -f .gitmodules submodule.mod.url ../lib.git
    push r
    add "ADD $url/git/r.git /r"
    same "$(cat root/r/mod/l)" lib
    [ ! -e root/r/mod/.git ] || die ".git is there"
    add "ADD $url/git/r.git?submodules=false /r"
    [ ! -e root/r/mod/l ] || die "a submodule"
}

# Submodules must not reach programs or files of this machine, configuration of the user must not run either.
t_git_hostile() {
    serve
    git_tree
    repository lib
    echo lib >lib/l
    push lib
    git -C r submodule --quiet add "$url/git/lib.git" mod
    for bad in "ext::sh -c touch% $PWD/pwned" "$PWD/lib" "file://$PWD/lib" "-u./pwned"; do
        git -C r config -f .gitmodules submodule.mod.url "$bad"
        push r bad
        fails_add "ADD $url/git/r.git#bad /r"
        [ ! -e pwned ] || die "$bad was run"
    done
    git -C r config -f .gitmodules submodule.mod.url ../lib.git
    mkdir hooks
    printf '#!/bin/sh\ntouch %s/pwned\n' "$PWD" >hooks/post-checkout
    chmod 755 hooks/post-checkout
    printf '[core]\n\thooksPath = %s/hooks\n\tfsmonitor = %s/hooks/post-checkout\n' "$PWD" "$PWD" >"$HOME/.gitconfig"
    echo '* filter=bad' >r/.gitattributes
    printf '[filter "bad"]\n\tsmudge = touch %s/pwned; cat\n' "$PWD" >>"$HOME/.gitconfig"
    push r filtered
    unset GIT_CONFIG_GLOBAL
    GIT_DIR=$PWD/r/.git GIT_WORK_TREE=$PWD/elsewhere add "ADD $url/git/r.git#filtered /r"
    same "$(cat root/r/mod/l)" lib
    [ ! -e pwned ] || die "the user's git configuration was used"
}

t_git_credentials() {
    serve x-access-token:t0ken
    repository secret/r
    echo f >secret/r/f
    push secret/r
    fails_add "ADD $url/git/secret/r.git /r"
    has "$out" "GIT_AUTH_TOKEN"
    export TOKEN=t0ken
    add "ADD $url/git/secret/r.git /r" --secret id=GIT_AUTH_TOKEN,env=TOKEN
    same "$(cat root/r/f)" f
    add "ADD --keep-git-dir $url/git/secret/r.git /r" --secret id=GIT_AUTH_TOKEN.127.0.0.1,env=TOKEN
    add "ADD --keep-git-dir http://x-access-token:t0ken@${url#http://}/git/secret/r.git /s"
    ! grep -rq t0ken root || die "the token is there"
    printf 'Basic %s\n' "$(printf x-access-token:t0ken | base64)" >header
    add "ADD $url/git/secret/r.git /r" --secret id=GIT_AUTH_HEADER,src=header
    fails_add "ADD http://x-access-token:wr0ng@${url#http://}/git/secret/r.git /s"
    hasnt "$(echo "$out" | grep -v ADD)" wr0ng
}

# ssh is replaced by a program that notes how it was called and runs git on this machine.
t_git_over_ssh() {
    git_tree
    fails_add "ADD git@example.org:r.git /r"
    has "$out" "no ssh agent"
    mkdir bin
    cat >bin/ssh <<X
#!/bin/sh
echo "\$SSH_AUTH_SOCK \$*" >>$PWD/ssh.log
for last; do :; done
cd $PWD/www/git && exec sh -c "\$last"
X
    chmod 755 bin/ssh
    python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("agent")'
    PATH=$PWD/bin:$PATH
    add "ADD git@example.org:r.git#trunk /r" --ssh default=agent
    same "$(cat root/r/f)" f
    has "$(cat ssh.log)" "agent -F /dev/null -o BatchMode=yes"
    has "$(cat ssh.log)" "git@example.org git-upload-pack"
}

t_git_without_git() {
    mkdir empty bin
    for tool in cat ls; do
        ln -s "$(command -v $tool)" bin/
    done
    printf 'FROM scratch\nADD http://127.0.0.1:1/x.git /\n' >Dockerfile
    PATH=$PWD/bin fails 1 "$CBUILD" .
    has "$out" "install it"
}

# A server that never answers: nothing is left running.
t_git_is_ended() {
    python3 -c 'import socket, time
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen(5); print(s.getsockname()[1], flush=True); time.sleep(60)' >port &
    servers=$!
    trap stop_servers EXIT
    wait_for 10 test -s port
    printf 'FROM scratch\nADD http://127.0.0.1:%s/x.git /\n' "$(cat port)" >Dockerfile
    "$CBUILD" . 2>log &
    pid=$!
    running="grep -qa 127.0.0.1:$(cat port)/x.gi[t] /proc/[0-9]*/cmdline"
    wait_for 10 sh -c "$running 2>/dev/null"
    kill -TERM $pid
    status=0
    wait $pid || status=$?
    same $status 143
    wait_for 5 sh -c "! $running 2>/dev/null"
    [ -z "$(find "$CBUILD_ROOT/work" -mindepth 1)" ] || die "left: $(find "$CBUILD_ROOT/work")"
}

t_downloads_are_counted_and_pruned() {
    serve
    echo one >www/f
    add "ADD $url/f /"
    has "$(cbuild du)" "downloads"
    cbuild prune >/dev/null
    add "ADD $url/f /"
    same "$(asked 'GET /f.* 304')" 1
    cbuild prune --all --mounts >/dev/null
    same "$(ls "$CBUILD_ROOT"/fetch "$CBUILD_ROOT"/blobs/sha256)" "$CBUILD_ROOT/blobs/sha256:

$CBUILD_ROOT/fetch:"
}
