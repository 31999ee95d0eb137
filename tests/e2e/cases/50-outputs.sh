# -o, --progress and what else a build leaves.

app() {
    context c <<X
${base}RUN mkdir -p /d/e && echo app > /d/app && ln -s app /d/l && chmod 750 /d/e
LABEL a=b
ENTRYPOINT ["/bin/cat"]
X
}

t_oci_archive_and_directory() {
    app
    cbuild -t app:1 -o type=oci,dest=a.tar c 2>/dev/null
    oci verify a.tar
    same "$(tar -xOf a.tar oci-layout | jq -r .imageLayoutVersion)" 1.0.0
    cbuild -t app:1 -o type=oci,tar=false,dest=lay c 2>/dev/null
    oci verify lay
    same "$(oci manifest lay)" "$(oci manifest a.tar)"
    same "$(skopeo inspect oci:lay:1 2>/dev/null | jq -r .Labels.a || skopeo inspect oci:lay | jq -r .Labels.a)" b
    cbuild -t app:1 -o type=oci,tar=false,dest=deep/er/lay/ c 2>/dev/null
    same "$(oci manifest deep/er/lay)" "$(oci manifest a.tar)"
    cbuild -o type=oci,dest=- c 2>/dev/null >b.tar
    oci verify b.tar
}

t_docker_archive() {
    app
    cbuild -t app:1 -t other/name:2 -o type=docker,dest=d.tar c 2>/dev/null
    tar -xOf d.tar manifest.json >m.json
    has "$(jq -r '.[0].RepoTags[]' m.json)" "app:1"
    has "$(jq -r '.[0].RepoTags[]' m.json)" "other/name:2"
    skopeo inspect docker-archive:d.tar >i.json 2>/dev/null || skopeo inspect docker-archive:d.tar:app:1 >i.json
    same "$(jq -r .Labels.a i.json)" b
    same "$(jq -r '.Layers | length' i.json)" 3
    skopeo copy -q docker-archive:d.tar:app:1 dir:copied
}

t_tar_and_directory() {
    app
    cbuild -o type=tar,dest=r.tar c 2>/dev/null
    has "$(tar -tvf r.tar)" "drwxr-x--- 0/0"
    cbuild -o out c 2>/dev/null
    same "$(cat out/d/l)" app
    same "$(stat -c %a out/d/e)" 750
    same "$(readlink out/d/l)" app
    cbuild -o type=local,dest=out c 2>/dev/null # once more over what is there
    mkdir t && tar -xf r.tar -C t
    same "$(cd t && find . | sort)" "$(cd out && find . | sort)"
    cbuild -o - c 2>/dev/null | tar -t >names
    has "$(cat names)" d/app
}

t_several_outputs() {
    app
    cbuild -t app:1 -o type=oci,dest=a.tar -o type=tar,dest=b.tar -o type=image c 2>/dev/null
    oci verify a.tar
    has "$(tar -tf b.tar)" d/app
    has "$(cbuild images)" app:1
}

t_compressions() {
    app
    first=
    for how in gzip zstd uncompressed gzip,compression-level=1 gzip,compression-level=9 zstd,compression-level=22; do
        cbuild -o "type=oci,dest=a.tar,compression=$how" c 2>/dev/null
        oci verify a.tar
        oci config a.tar >config
        [ -z "$first" ] || same "$(cat config)" "$first"
        first=$(cat config)
        case $how in
        gzip*) suffix=+gzip ;;
        zstd*) suffix=+zstd ;;
        *) suffix= ;;
        esac
        same "$(oci manifest a.tar | jq -r '.layers[0].mediaType')" "application/vnd.oci.image.layer.v1.tar$suffix"
    done
    for bad in compression=lzma compression-level=x compression=gzip,compression-level=99 dest= nothing=1 type=nothing; do
        fails 2 cbuild -o "type=oci,dest=b.tar,$bad" c
        has "$out" "${bad%%=*}"
        [ ! -e b.tar ] || die "something was written"
    done
    fails 2 cbuild -o type=oci,dest=b.tar,compression=lzma c
    has "$out" "'lzma' is not one of gzip, zstd, uncompressed"
}

# Where nothing can be written is said before the steps run, not after them.
t_destinations_are_tried_first() {
    context c <<X
${base}RUN echo run
X
    mkdir dir && touch file
    for where in "--iidfile none/id" "--metadata-file none/m" "--iidfile dir" "-o type=oci,dest=none/a.tar" "-o type=tar,dest=dir" \
        "-o type=docker,dest=none/a.tar" "-o file" "-o type=oci,tar=false,dest=file" "-o type=local,dest=file/x"; do
        # shellcheck disable=SC2086 # words
        fails 1 cbuild $where c
        has "$out" "'$(echo "$where" | sed 's/.*[ =]//')'"
        hasnt "$out" "steps run"
        hasnt "$out" "#1"
    done
    [ "$E2E_USER" = root ] && return
    mkdir closed && chmod 555 closed
    fails 1 cbuild --iidfile closed/id c
    has "$out" "create 'closed/id': Permission denied"
}

t_tags_go_before_names_of_outputs() {
    app
    cbuild -t x:1 -o type=image,name=z:3 -o type=oci,dest=a.tar,name=z:3 c 2>log
    has "$(cat log)" "name=z:3 of an output is not used"
    same "$(cbuild images | sed '1d; s/ .*//')" x:1
    same "$(tar -xOf a.tar index.json | jq -r '.manifests[0].annotations["io.containerd.image.name"]')" docker.io/library/x:1
    cbuild -o type=image,name=z:3 c 2>log
    hasnt "$(cat log)" "is not used"
    same "$(cbuild images | sed '1d; s/ .*//' | sort | tr '\n' ' ')" "x:1 z:3 "
}

t_the_same_bytes_twice() {
    app
    cbuild -o type=oci,dest=a.tar c 2>/dev/null
    cbuild -o type=oci,dest=b.tar c 2>/dev/null
    cmp a.tar b.tar
    rm -rf "$CBUILD_ROOT"/blobs # packed again
    cbuild --no-cache -o type=oci,dest=c.tar c 2>/dev/null
    cmp a.tar c.tar
}

t_image_id_is_the_same_everywhere() {
    app
    cbuild --iidfile id --metadata-file m.json -q -t app:1 -o type=oci,dest=a.tar -o type=image c >quiet
    same "$(cat quiet)" "$(cat id)"
    same "$(oci manifest a.tar | jq -r .config.digest)" "$(cat id)"
    same "$(jq -r '.["containerimage.config.digest"]' m.json)" "$(cat id)"
    same "$(jq -r '.["image.name"]' m.json)" docker.io/library/app:1
    same "$(jq -c '.["containerimage.descriptor"]' m.json)" \
        "$(tar -xOf a.tar index.json | jq -c '.manifests[0] | {mediaType, digest, size, platform}')"
    same "$(cbuild inspect --format '{{.Id}}' app:1)" "$(cat id)"
}

t_progress_kinds() {
    context c <<X
${base}RUN echo hello
MAINTAINER me
X
    cbuild --progress=rawjson c 2>raw
    jq -s length raw >n || die "not JSON: $(cat raw)"
    [ "$(cat n)" -gt 3 ] || die "few events: $(cat raw)"
    # as BuildKit's clients write it: each step starts and completes under one digest
    same "$(jq -r '.vertexes[]? | select(.completed) | .digest' raw | sort)" "$(jq -r '.vertexes[]? | .digest' raw | sort -u)"
    has "$(jq -r '.vertexes[]?.name' raw)" "[1/3] COPY busybox"
    has "$(jq -r '.logs[]?.data | @base64d' raw)" hello
    has "$(jq -r '.warnings[]?.short | @base64d' raw)" "MaintainerDeprecated: "
    same "$(jq -r '.warnings[]?.range[0].start.line // empty' raw)" 5
    same "$(jq -r '.summary.image // empty' raw)" "$(cbuild -q c 2>/dev/null)"
    same "$(jq -r '.summary // empty | .steps | length' raw)" 3
    same "$(jq -r '.summary // empty | .steps[0] | "\(.name) \(.cached) \(.seconds > 0)"' raw)" "[1/3] COPY busybox /bin/busybox false true"
    same "$(jq -r '.summary // empty | .layers[0].size' raw)" "$(stat -c %s c/busybox)"
    cbuild --progress=rawjson c 2>raw
    same "$(jq -r '.summary // empty | [.steps[].cached] | all' raw)" true
    cbuild --progress=plain --no-cache c 2>plain
    has "$(cat plain)" "#1 [1/3] COPY busybox"
    cbuild --progress=quiet c >q 2>q.err
    same "$(cat q.err)" ""
    same "$(cat q)" "$(cbuild -q c 2>/dev/null)"
    fails 2 cbuild --progress=loud c
    has "$out" "--progress"
    cbuild c >stdout 2>/dev/null
    same "$(cat stdout)" ""
}

t_progress_none() {
    context c <<X
${base}RUN echo hello
X
    context bad <<X
${base}RUN echo why; exit 3
X
    same "$(cbuild --progress=none --no-cache c 2>&1)" ""
    same "$(BUILDKIT_PROGRESS=quiet cbuild c 2>&1)" "$(cbuild -q c)"
    fails 1 cbuild --progress=none bad
    has "$out" "exit code: 3"
    fails 2 env BUILDKIT_PROGRESS=loud "$CBUILD" c
    has "$out" BUILDKIT_PROGRESS
}

t_the_cache_only() {
    app
    cbuild -t app:1 -o type=cacheonly --iidfile id c 2>log
    same "$(cbuild images -q)" ""
    cbuild -q --platform local c >quiet 2>/dev/null
    same "$(cat id)" "$(cat quiet)"
    has "$(cbuild --progress=plain -o type=cacheonly c 2>&1)" "0 steps run"
}

t_an_archive_into_a_pipe() {
    app
    for kind in docker oci tar; do
        cbuild -o type=$kind c 2>log | tar -t >names
        case $kind in tar) has "$(cat names)" d/app ;; *) has "$(cat names)" blobs/sha256 ;; esac
    done
    python3 -c 'import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)' "$CBUILD" -o type=docker c >log || same $? 2
    has "$(cat log)" "standard output is a terminal"
    has "$(cat log)" "--load"
    cbuild --progress=none -o type=docker c >pure.tar
    cbuild -q -o type=docker c >quiet.tar # an image ID behind it would be part of it
    cmp pure.tar quiet.tar
}

# What a RUN prints, as lines: each as a terminal would show it in the end, with its time in the step.
t_plain_lines() {
    needs script
    context c <<X
${base}RUN printf 'as DOS\\r\\n5%%\\r50%%\\r100%%\\r\\n\\033[31mred\\033[0m\\n\\033]0;title\\007\\n\\033[2Jno more\\n'
X
    cbuild --progress=plain --no-cache c 2>log
    same "$(sed -n 's/^#3 [0-9]*[.][0-9][0-9][0-9] //p' log)" "as DOS
100%
red
\\x1b]0;title\\x07
no more"
    LC_ALL=C grep -q "$(printf '[\033\r]')" log && die "a control byte in the log" || true
    red=$(printf '\033[31mred\033[0m')
    typed() { # typed VARIABLES: what a terminal gets
        env "$@" script -qec "'$CBUILD' --progress=plain --no-cache c" typescript >/dev/null
        out=$(cat typescript)
    }
    typed TERM=xterm
    has "$out" "$red"
    typed TERM=xterm NO_COLOR=1
    hasnt "$out" "$red"
    typed TERM=dumb
    hasnt "$out" "$red"
}

t_quiet_still_tells_errors() {
    context c <<X
${base}RUN echo why; exit 3
X
    fails 1 cbuild -q c
    has "$out" "exit code: 3"
    has "$out" why
}

# A build that took a while says where the time went; one that did not, or had nothing to do, has a line.
t_summary() {
    context c <<X
${base}RUN sleep 1.1
RUN sleep 0.3; head -c 3000000 /dev/zero >/zeros
X
    cbuild --progress=plain -t app c 2>log
    # The first RUN is among the slow ones on a busy machine.
    same "$(sed -n '/steps run/,$p' log | sed '/\[2\/4\] RUN/d; s/[0-9.]*m\{0,1\}s  \[/[/; s/ in .*//; s/  */ /g; s/ [0-9.]* MB/ MB/')" "4 steps run, 0 cached
 time [3/4] RUN sleep 1.1
 [4/4] RUN sleep 0.3; head -c 3000000 /dev/zero >/zeros
 layers MB [4/4] RUN sleep 0.3; head -c 3000000 /dev/zero >/zeros
 MB [1/4] COPY busybox /bin/busybox
=> app:latest"
    cbuild --progress=plain -t app c 2>log
    same "$(sed -n '/steps run/,$p' log | wc -l)" 2
    echo 'RUN sleep 1.1' >>c/Dockerfile
    cbuild --progress=plain -t app c 2>log
    has "$(cat log)" "  cached    1-4 of 5"
}

t_terminal_display() {
    needs script
    context c <<X
${base}RUN for i in 1 2 3 4 5 6; do echo "line \$i"; sleep 0.1; done
RUN echo '\\033]0;title\\007' && exit 4
X
    status=0
    TERM=xterm script -qec "stty cols 60 rows 20; '$CBUILD' --no-cache c" typescript >/dev/null || status=$?
    same "$status" 1
    has "$(cat typescript)" "line 6"
    has "$(cat typescript)" "exit code: 4"
    LC_ALL=C grep -q "$(printf '\007')" typescript && die "control characters of a RUN reach the terminal" || true
    TERM=dumb script -qec "'$CBUILD' -q c; true" dumb >/dev/null
    LC_ALL=C grep -q "$(printf '\033\[[0-9;]*m')" typescript || die "no colours"
    NO_COLOR=1 TERM=xterm script -qec "'$CBUILD' --no-cache c; true" typescript >/dev/null
    LC_ALL=C grep -q "$(printf '\033\[[0-9;]*m')" typescript && die "colours in spite of NO_COLOR" || true
}

# Twelve steps at once on terminals of any size: what scrolls out is the lines of steps that ended, once each.
t_terminal_sizes() {
    (
        printf 'FROM scratch AS s\nCOPY busybox /bin/busybox\nRUN ["/bin/busybox", "--install", "-s", "/bin"]\n'
        for i in $(seq 12); do
            echo "FROM s AS s$i"
            echo "RUN for i in 1 2 3 4 5; do echo line \$i of the stage number $i, which is too long for a narrow terminal; sleep 0.1; done; echo $i >/f$i"
        done
        echo 'FROM s'
        for i in $(seq 12); do echo "COPY --from=s$i /f$i /"; done
    ) >all
    context c <all
    for size in 40x5 80x24 200x50; do
        on_terminal $size --no-cache --jobs 12 c
        same "$status" 0
        same "$(grep -c '^✓ .*RUN for' shown)" 12
        same "$(grep -c 'line . of the stage' shown)" 0
        same "$(grep -c '^[>B]' shown)" 0
        grep -q '^Building [0-9.ms]*, [0-9]* of 26 steps' frames || die "no head line: $(cat frames)"
        grep -q '^> .*[0-9]m\?s$' frames || die "no running step: $(cat frames)"
    done
    on_terminal 40x5 --no-cache --jobs 12 c
    grep -q '^  [0-9]* more$' frames || die "nothing says that there are more: $(cat frames)"
    on_terminal 80x24 c
    same "$status" 0
    same "$(grep -c '^✓ .*CACHED$' shown)" 14
}

t_output_that_cannot_be_written() {
    app
    fails 1 cbuild -o type=tar,dest=/no/such/dir/a.tar c
    has "$out" /no/such/dir/a.tar
    mkdir dir.tar
    fails 1 cbuild -o type=oci,dest=dir.tar c
    has "$out" dir.tar
    echo file >out
    fails 1 cbuild -o type=local,dest=out c
    has "$out" out
    fails 1 cbuild --iidfile /no/such/dir/id c
    has "$out" /no/such/dir/id
    same "$(ls)" "c
dir.tar
out"
}

t_local_output_does_not_follow_links() {
    app
    mkdir out elsewhere && ln -s "$PWD/elsewhere" out/d
    status=0
    cbuild -o out c 2>log || status=$?
    [ ! -e elsewhere/app ] || die "written through a link"
}

t_closed_pipe() {
    app
    { cbuild -o type=tar,dest=- c 2>log || echo $? >status; } | head -c 10 >/dev/null
    [ -s status ] || die "no error: $(cat log)"
}

t_what_is_no_plain_file_is_written_as_it_stands() {
    app
    ln -s target link && echo old >target && mkfifo pipe
    ln -s /proc/self/fd/1 stdout && ln -s /dev/null null
    cbuild -o type=tar,dest=link c 2>/dev/null
    has "$(ls -l link)" "link -> target"
    has "$(tar -tf target)" d/app
    tar -t <pipe >names &
    cbuild -o type=oci,dest=pipe c 2>/dev/null
    wait
    has "$(cat names)" index.json
    cbuild -o type=tar,dest=null --metadata-file null c 2>/dev/null
    has "$(ls -l null pipe)" "null -> /dev/null"
    [ -p pipe ] || die "the pipe was replaced"
    echo first >out
    cbuild -q --iidfile stdout c 2>/dev/null >>out
    same "$(sed -n 1p out)" first
    same "$(grep -o sha256: out | wc -l)" 2
    has "$(ls -l stdout)" "stdout -> "
    for o in type=tar,dest=c type=docker,dest=c; do
        fails 1 cbuild -o $o c
        has "$out" "'c'"
    done
    same "$(ls | grep -v -x -e names -e out)" "c
link
null
pipe
stdout
target"
}

t_a_failing_build_leaves_no_result_of_an_earlier_one() {
    app
    mkdir elsewhere && ln -s elsewhere/id link && mkfifo pipe && echo old >m.json && echo old >elsewhere/id
    context bad <<X
${base}RUN exit 3
X
    fails 1 cbuild --iidfile link --metadata-file m.json bad
    [ ! -e link ] && [ ! -e m.json ] || die "an old result is left: $(cat link m.json)"
    cbuild -q --iidfile link --metadata-file m.json c >quiet 2>/dev/null
    same "$(cat elsewhere/id)" "$(cat quiet)"
    has "$(ls -l link)" "link -> elsewhere/id"
    fails 1 cbuild --root "$PWD/m.json" --iidfile link bad
    [ ! -e elsewhere/id ] || die "an old ID is left: $(cat elsewhere/id)"
    (cat pipe >/dev/null) & # its other end: a pipe is opened when there is something to write
    fails 1 cbuild --iidfile pipe --metadata-file /dev/null bad
    [ -p pipe ] && [ -c /dev/null ] || die "what is no plain file was removed"
    kill $! 2>/dev/null || true
}

t_media_types_and_annotations() {
    app
    cbuild -o type=docker,oci-mediatypes=true,dest=a.tar,compression=zstd \
        --annotation "manifest[linux/$(dpkg --print-architecture)]:a=b" --annotation 'manifest[linux/s390x]:no=no' c 2>/dev/null
    oci verify a.tar
    same "$(oci manifest a.tar | jq -rc '[.mediaType, .layers[0].mediaType, .annotations]')" \
        '["application/vnd.oci.image.manifest.v1+json","application/vnd.oci.image.layer.v1.tar+zstd",{"a":"b"}]'
    has "$(tar -tf a.tar)" manifest.json
    cbuild -o type=docker,dest=b.tar c 2>/dev/null
    same "$(oci manifest b.tar | jq -rc '[.mediaType, .layers[0].mediaType, .annotations]')" \
        '["application/vnd.docker.distribution.manifest.v2+json","application/vnd.docker.image.rootfs.diff.tar.gzip",null]'
}
