# Contexts that are not directories: standard input, http(s), git; named ones.
# shellcheck source=../remote.sh
. "$E2E_HERE/remote.sh"

tree() { # tree DIR: a context of a few files
    mkdir -p "$1/d"
    printf 'FROM scratch\nCOPY . /\n' >"$1/Dockerfile"
    echo hello >"$1/d/hello"
    ln -s ../../../../etc/passwd "$1/link"
}

t_dockerfile_on_standard_input() {
    printf 'FROM scratch\nLABEL a=b\n' | cbuild -q - >id
    has "$(cat id)" sha256:
    status=0
    printf 'FROM scratch\nCOPY a /\n' | cbuild - 2>log || status=$?
    same $status 1
    has "$(cat log)" '"/a": not found'
}

t_dockerfile_on_standard_input_with_a_directory() {
    tree c
    printf 'FROM scratch\nCOPY d /e\n' | cbuild -f - -o type=tar,dest=o.tar c 2>/dev/null
    has "$(tar -tf o.tar)" e/hello
    fails 2 cbuild -f - -
    has "$out" "both the build context and the Dockerfile"
}

t_tar_on_standard_input() {
    tree c
    for z in '' z j J --zstd; do
        case $z in
        --zstd) command -v zstd >/dev/null || continue ;;
        '') ;;
        *) z=-$z ;;
        esac
        tar -C c $z -cf c.tar .
        cbuild -q - <c.tar >id.$z
        same "$(cat id.$z)" "$(cat id.)"
    done
    cbuild -o type=tar,dest=o.tar - <c.tar 2>/dev/null
    has "$(tar -tvf o.tar)" "link -> ../../../../etc/passwd"
    has "$(tar -tvf o.tar --numeric-owner)" " 0/0 "
}

t_tar_with_another_dockerfile() {
    tree c
    mkdir c/build
    printf 'FROM scratch\nCOPY d/hello /other\n' >c/build/My.Dockerfile
    tar -C c -czf c.tar .
    cbuild -f build/My.Dockerfile -o type=tar,dest=o.tar - <c.tar 2>/dev/null
    same "$(tar -tf o.tar)" other
    fails 1 cbuild -f missing - <c.tar
    has "$out" "open missing: no such file or directory"
    printf 'FROM scratch\nCOPY Dockerfile /local\n' >local.Dockerfile
    cbuild -f "$PWD/local.Dockerfile" -o type=tar,dest=o.tar - <c.tar 2>/dev/null
    same "$(tar -tf o.tar)" local
}


# The Dockerfile of a context from elsewhere must not be a file of this machine.
t_dockerfile_of_a_tar_is_a_link_out() {
    mkdir c
    echo 'secret of this machine' >secret
    ln -s "$PWD/secret" c/Dockerfile
    tar -C c -cf c.tar .
    fails 1 cbuild - <c.tar
    hasnt "$out" "secret of"
    ln -sfn ../../../../../../../../../../../../../../../../../../../../../etc/passwd c/Dockerfile
    tar -C c -cf c.tar .
    fails 1 cbuild - <c.tar
    hasnt "$out" root:
}

t_hostile_tars() {
    printf 'FROM scratch\nCOPY . /\n' >Dockerfile
    for kind in absolute dotdot dotdot-deep symlink symlink-dir symlink-absolute hardlink hardlink-up hardlink-missing \
        file-then-below truncated truncated-gzip garbage long-name deep xattr-overlay device-like-whiteout twice good; do
        python3 "$E2E_HERE/badtar.py" $kind bad.tar
        status=0
        cbuild -q -f "$PWD/Dockerfile" -o type=tar,dest=o.tar - <bad.tar >log 2>&1 || status=$?
        case $kind:$status in
        truncated*:[12] | garbage:[12] | symlink*:1 | hardlink*:1 | long-name:1 | file-then-below:1 | deep:[01]) ;;
        *:0) ;;
        *) die "$kind: status $status: $(cat log)" ;;
        esac
        for escaped in /tmp/escaped-symlink /escaped-absolute /etc/through "$CBUILD_ROOT/escaped" "$CBUILD_ROOT/work/escaped"; do
            [ ! -e "$escaped" ] || die "$kind wrote $escaped"
        done
    done
    [ "$(find "$CBUILD_ROOT/work" -mindepth 1 | wc -l)" = 0 ] || die "left: $(find "$CBUILD_ROOT/work")"
}

t_url_of_an_archive() {
    tree c
    serve
    tar -C c -czf www/c.tgz .
    cbuild -q "$url/c.tgz" >id
    cbuild -q - <www/c.tgz >id2
    same "$(cat id)" "$(cat id2)"
    cbuild -q "$url/redirect/c.tgz" >id2
    same "$(cat id)" "$(cat id2)"
    same "$(asked 'GET /c.tgz 200')" 2
    cbuild "$url/c.tgz" 2>log
    same "$(asked 'GET /c.tgz 304')" 1
    has "$(cat log)" "0 steps run, 1 cached"
    fails 1 cbuild "$url/nothing"
    has "$out" "invalid response status 404"
}

t_dockerfile_without_context() {
    printf 'FROM scratch\nCOPY . /d/\nCOPY n* /e/\n' >file
    rootfs - <file
    same "$(ls -A root root/d | tr '\n' ' ')" "root: d  root/d: "
    printf 'FROM scratch\nCOPY a /\n' >file
    fails 1 cbuild - <file
    has "$out" '"/a": not found'
    [ -z "$(find "$CBUILD_ROOT/work" -mindepth 1)" ] || die "left: $(find "$CBUILD_ROOT/work")"
}

t_url_of_a_dockerfile() {
    serve
    printf 'FROM scratch\nLABEL a=b\n' >www/Dockerfile
    cbuild -q "$url/Dockerfile" >id
    printf 'FROM scratch\nCOPY a /\n' >www/Dockerfile
    fails 1 cbuild "$url/Dockerfile"
    has "$out" '"/a": not found'
    printf 'FROM scratch\nCOPY . /d/\n' >www/Dockerfile # the file is its context too, under this name
    touch -d @1650000000 www/Dockerfile
    rootfs "$url/Dockerfile"
    same "$(cat root/d/context)" "$(cat www/Dockerfile)"
    has "$(listing)" "-rw------- 0/0"
    same "$(stat -c %Y root/d/context)" 1650000000
    fails 2 cbuild -f x "$url/Dockerfile"
    has "$out" ambiguous
    fails 2 cbuild -f "$url/Dockerfile" .
    has "$out" "the Dockerfile is a file"
}

t_git() {
    needs git
    serve
    repository r
    tree r
    echo d >r/.dockerignore
    push r
    cbuild -o type=tar,dest=o.tar "$url/git/r.git" 2>/dev/null
    has "$(tar -tf o.tar)" d/hello
    hasnt "$(tar -tf o.tar)" .git/
    mkdir r/sub
    printf 'FROM scratch\nCOPY only /\n' >r/sub/Dockerfile
    echo only >r/sub/only
    push r other/branch
    cbuild -o type=tar,dest=o.tar "$url/git/r.git#other/branch:sub" 2>/dev/null
    same "$(tar -tf o.tar)" only
    fails 1 cbuild "$url/git/r.git#nowhere"
    has "$out" "repository does not contain ref nowhere"
    fails 1 cbuild "$url/git/r.git#other/branch:link"
    has "$out" "invalid subdir link"
    rootfs --build-arg BUILDKIT_CONTEXT_KEEP_GIT_DIR=1 "$url/git/r.git"
    [ -f root/.git/HEAD ] || die "no .git"
    [ -z "$(find "$CBUILD_ROOT/work" -mindepth 1)" ] || die "left: $(find "$CBUILD_ROOT/work")"
}

t_directories_that_look_like_git() {
    tree github.com/x
    tree user@host:path
    cbuild -q github.com/x >id
    cbuild -q user@host:path >id2
    same "$(cat id)" "$(cat id2)"
}

t_named_contexts() {
    serve
    mkdir dir
    echo local >dir/f
    echo ignored >dir/g
    echo g >dir/.dockerignore
    repository r
    echo git >r/f
    push r
    tar -C dir -czf www/c.tgz .
    echo plain >www/file
    cat >Dockerfile <<X
FROM scratch
COPY --from=l . /l
COPY --from=r . /r
COPY --from=a . /a
COPY --from=p . /p
X
    rootfs --build-context l=dir --build-context r="$url/git/r.git" --build-context a="$url/c.tgz" --build-context p="$url/file" .
    same "$(cat root/l/f root/r/f root/a/g root/p/context)" "$(printf 'local\ngit\nignored\nplain')"
    [ ! -e root/l/g ] || die "the ignore file of a named directory is not used"
    fails 2 cbuild --build-context x=ftp://host/y .
    has "$out" "unsupported context source ftp://host/y for x"
}

t_epoch_of_a_context() {
    serve
    repository r
    tree r
    printf 'FROM scratch\nARG SOURCE_DATE_EPOCH\nCOPY . /\nLABEL e=$SOURCE_DATE_EPOCH\n' >r/Dockerfile
    push r
    cbuild -q --build-arg SOURCE_DATE_EPOCH=context -t x:1 "$url/git/r.git" >id
    has "$(cbuild inspect x:1)" 1577934245
    rootfs --build-arg SOURCE_DATE_EPOCH=context "$url/git/r.git"
    has "$(listing)" "$commit_time"
    tar -C r --exclude=.git --mtime=@1600000000 -czf www/c.tgz .
    touch -d @1650000000 www/c.tgz
    cbuild -q --build-arg SOURCE_DATE_EPOCH=context -t x:2 "$url/c.tgz" >id
    has "$(cbuild inspect x:2)" 1650000000
    cbuild -q --build-arg SOURCE_DATE_EPOCH=context -t x:3 - <www/c.tgz >id
    has "$(cbuild inspect x:3)" 1600000000
    cbuild -q --build-arg SOURCE_DATE_EPOCH=n --build-context n="$url/git/r.git" -t x:4 r >id
    has "$(cbuild inspect x:4)" 1577934245
    cbuild -q --build-arg SOURCE_DATE_EPOCH=context -t x:5 r >id
    has "$(cbuild inspect x:5)" '"e": ""'
    fails 2 cbuild --build-arg SOURCE_DATE_EPOCH=nothing r
    has "$out" "invalid SOURCE_DATE_EPOCH: nothing"
}

t_tar_reads_no_ignore_file() {
    tree c
    echo d >c/.dockerignore
    tar -C c -cf c.tar .
    cbuild -o type=tar,dest=o.tar - <c.tar 2>/dev/null
    has "$(tar -tf o.tar)" d/hello
}

# Docker's media types, both kinds mixed, and an empty one: what others write into layouts.
t_layout_with_docker_types() {
    context c <<X
FROM base
COPY busybox /b
X
    docker=application/vnd.docker
    for types in $docker.distribution.manifest.v2+json:$docker.image.rootfs.diff.tar :application/vnd.oci.image.layer.v1.tar; do
        rm -rf lay && layout lay good
        oci change lay "manifest['mediaType'] = '${types%:*}'; manifest['layers'][0]['mediaType'] = '${types#*:}'"
        cbuild -q --build-context base=oci-layout://lay c
        sed -i "s|application/vnd.oci.image.manifest.v1+json|${types%:*}|" lay/index.json
        cbuild -q --build-context base=oci-layout://lay c
    done
    sed -i "s|^{|{\"mediaType\": \"$docker.distribution.manifest.v2+json\", |" lay/index.json
    fails 1 cbuild -q --build-context base=oci-layout://lay c
    has "$out" "ambiguous document"
}

# cbuild . 2>&1 | tee build.log
t_a_file_that_grows() {
    mkdir c && cp /bin/busybox c/ && printf 'FROM scratch\nCOPY . /all/\n' >c/Dockerfile
    python3 -c '
import itertools, time
with open("c/log", "wb", 0) as f:
    for i in itertools.count():
        f.write(b"%015d\n" % i * 64)
        time.sleep(0.0005)' &
    writer=$!
    trap 'kill -KILL $writer 2>/dev/null || true' EXIT
    wait_for 5 test -s c/log
    for _ in 1 2 3; do
        rootfs c
        n=$(wc -c <root/all/log)
        [ "$n" -gt 0 ] && head -c "$n" c/log | cmp - root/all/log || die "no beginning of the log: $n bytes"
    done
    kill -KILL $writer
    for _ in 1 2 3; do
        rm -f c/build.log # else it may be read before it is emptied, and a file that shrinks is an error
        cbuild --progress=plain --no-cache c 2>&1 | tee c/build.log >/dev/null
        has "$(cat c/build.log)" "image sha256:"
    done
}

t_a_dockerfile_from_a_pipe() {
    mkdir c && echo x >c/f && mkfifo pipe
    for name in pipe /dev/stdin -; do
        (sleep 1 && echo FROM scratch && sleep 1 && echo COPY f /f) >pipe &
        case $name in
        pipe) rootfs -f pipe c ;;
        *) rootfs -f $name c <pipe ;;
        esac
        same "$(cat root/f)" x
    done
    rootfs -f /dev/fd/9 c 9<<X
FROM scratch
COPY f /g
X
    same "$(cat root/g)" x
}
