# Layers that no honest builder writes: nothing leaves the layer, nothing hangs, the message names the layer.

# Builds on a base of these layers; $out and $status say how it ended. Nothing outside may change.
on_layers() { # on_layers KIND…
    rm -rf lay lay.*.tar
    layout lay "$@"
    context c <<X
FROM base
COPY busybox /bin/busybox
RUN ["/bin/busybox", "sh", "-c", "/bin/busybox ls -lR / > /bin/list 2>/dev/null; true"]
X
    status=0
    out=$(timeout 60 "$CBUILD" --build-context base=oci-layout://"$PWD/lay" c 2>&1) || status=$?
    [ "$status" -le 1 ] || die "$*: status $status: $out"
    for f in /escaped /escaped-absolute /tmp/escaped-symlink "$CBUILD_ROOT/escaped" "$CBUILD_ROOT/layers/escaped"; do
        [ ! -e "$f" ] || die "$*: $f was made"
    done
    same "$(md5sum </etc/passwd)" "$passwd"
}
passwd=$(md5sum </etc/passwd)

t_refused() {
    for kind in dotdot dotdot-deep hardlink-missing file-then-below truncated truncated-gzip garbage whiteout-root whiteout-empty opaque-root \
        whiteout-by-symlink long-name; do
        on_layers good $kind
        same "$kind $status" "$kind 1"
        has "$out" "ERROR: "
        has "$out" sha256:
        [ -z "$(ls "$CBUILD_ROOT/records" 2>/dev/null)" ] || die "$kind: a record was made"
    done
}

t_taken_inside_the_image() {
    for kind in absolute symlink symlink-dir symlink-absolute hardlink hardlink-up xattr-overlay device-like-whiteout twice deep; do
        on_layers good $kind
        [ "$status" = 0 ] || has "$out" "ERROR: "
    done
}

t_depth_costs_no_hours() {
    on_layers good abyss
    same "$status" 0
}

t_good_layers_and_the_next_build() {
    on_layers good truncated
    same "$status" 1
    on_layers good
    same "$status" 0
    on_layers good twice
    same "$status" 0
    cbuild -o type=tar,dest=- --build-context base=oci-layout://"$PWD/lay" c 2>/dev/null | tar -xO first >first
    same "$(cat first)" second
}

t_hard_links_point_into_the_image() {
    on_layers good hardlink
    [ "$status" = 1 ] || hasnt "$(cbuild -o type=tar,dest=- --build-context base=oci-layout://"$PWD/lay" c 2>/dev/null | tar -xO hard 2>/dev/null)" root:
}

t_wrong_diff_id() {
    on_layers good
    same "$status" 0
    rm -rf lay
    python3 "$E2E_HERE/badtar.py" good a.tar
    oci layout lay a.tar
    oci change lay "config['rootfs']['diff_ids'][0] = 'sha256:' + 'ab' * 32"
    fails 1 cbuild --build-context base=oci-layout://"$PWD/lay" c
    has "$out" abababab
}

# A layer is taken apart as a tar only when its media type says that it is one.
t_layers_by_media_type() {
    vnd=application/vnd
    for type in $vnd.oci.image.layer.v1.tar+encrypted $vnd.oci.image.layer.v1.tar+gzip+encrypted $vnd.oci.image.layer.v1.tar+xz \
        $vnd.docker.image.rootfs.diff.tar.lz4 $vnd.oci.image.layer $vnd.cncf.helm.chart.content.v1.tar+gzip text/html nonsense ''; do
        on_layers good
        oci change lay "manifest['layers'][0]['mediaType'] = '$type'"
        fails 1 cbuild --build-context base=oci-layout://"$PWD/lay" c
        has "$out" "/lay': layer 1: media type '$type'"
        case $type in
        *encrypted) has "$out" "the layer is encrypted" ;;
        *xz | *lz4) has "$out" "tar+gzip" ;;
        esac
    done
    for type in $vnd.oci.image.layer.v1.tar $vnd.oci.image.layer.nondistributable.v1.tar $vnd.oci.image.layer.v1.TAR \
        $vnd.docker.image.rootfs.diff.tar $vnd.docker.image.rootfs.foreign.diff.tar; do
        on_layers good
        oci change lay "manifest['layers'][0]['mediaType'] = '$type'"
        cbuild --build-context base=oci-layout://"$PWD/lay" c 2>log
    done
}

# What a Dockerfile may not say after ONBUILD an image may not either.
t_triggers_that_are_none() {
    layout lay good
    printf 'FROM base\n' >Dockerfile
    for trigger in "ONBUILD ONBUILD RUN x" "onbuild RUN x" "FROM scratch" "maintainer me" "RUN a\\nRUN b" ""; do
        oci change lay "config['config']['OnBuild'] = ['ENV a=b', '$trigger']"
        fails 1 cbuild --build-context base=oci-layout://"$PWD/lay" .
        has "$out" "ONBUILD trigger of the image '$PWD/lay' ('"
    done
    oci change lay "config['config']['OnBuild'] = ['ENV a=b']"
    cbuild --build-context base=oci-layout://"$PWD/lay" . 2>log
}

t_errors_of_a_layout_are_its_own() {
    vnd=application/vnd
    layout lay good
    printf 'FROM base\nCOPY Dockerfile /\n' >Dockerfile
    for change in "manifest['layers'][0]['mediaType'] = 'application/x'" "manifest['mediaType'] = '$vnd.docker.container.image.v1+json'"; do
        oci change lay "$change"
        fails 1 cbuild --build-context base=oci-layout://"$PWD/lay" .
        has "$out" "OCI layout '$PWD/lay'"
        hasnt "$out" registr
    done
}

t_damaged_layouts() {
    context c <<X
FROM base
COPY busybox /b
RUN ["/b", "true"]
X
    fails 1 cbuild --build-context base=oci-layout://"$PWD/none" c
    has "$out" none
    layout lay good
    blob=$(oci manifest lay | jq -r '.layers[0].digest' | cut -d: -f2)
    printf x >>"lay/blobs/sha256/$blob"
    fails 1 cbuild --build-context base=oci-layout://"$PWD/lay" c
    has "$out" "$blob"
    rm "lay/blobs/sha256/$blob"
    fails 1 cbuild --build-context base=oci-layout://"$PWD/lay" c
    has "$out" "$blob"
    echo '{"schemaVersion": 2, "manifests": [' >lay/index.json
    fails 1 cbuild --build-context base=oci-layout://"$PWD/lay" c
    has "$out" index
    [ -z "$(ls "$CBUILD_ROOT/records" 2>/dev/null)" ] || die "a record was made"
}

t_archives_of_add() {
    for kind in dotdot absolute symlink hardlink truncated garbage good; do
        mkdir -p c
        python3 "$E2E_HERE/badtar.py" $kind c/a.tar
        printf 'FROM scratch\nADD a.tar /x/\n' >c/Dockerfile
        status=0
        out=$(timeout 60 "$CBUILD" c 2>&1) || status=$?
        [ "$status" -le 1 ] || die "$kind: status $status: $out"
        [ ! -e /tmp/escaped-symlink ] && [ ! -e /escaped-absolute ] || die "$kind left the image"
    done
    rootfs c
    same "$(cat root/x/first)" first
}

t_symlinks_of_the_image_do_not_lead_out() {
    mkdir target
    context c <<X
${base}RUN ln -s $PWD/target /link && ln -s ../../../../../../../../..$PWD/target /up
COPY f /link/f
COPY f /up/g
WORKDIR /link/made
RUN echo x > /link/h
X
    echo f >c/f
    rootfs c
    same "$(ls target)" ""
    same "$(cat "root$PWD/target/f")" f
}

# Root file systems that were made on AUFS have such names.
t_add_archive_with_whiteout_names() {
    mkdir t && touch t/.wh..wh.aufs t/a && tar -C t -cf aufs.tar .wh..wh.aufs a
    context c <<X
${base}ADD aufs.tar /r/
X
    mv aufs.tar c/
    rootfs c
    same "$(ls -A root/r)" a
    has "$(cat build.log)" "1 member of archives with names that begin with '.wh.' was left out"
}
