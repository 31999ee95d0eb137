# Images in and out without a registry: archives and layouts, ours and those that others write.

app() { # the image app:1 as ./oci.tar and as docker archive ./docker.tar
    context c <<X
${base}RUN echo app > /app
ENV X=1
CMD ["cat", "/app"]
X
    cbuild -t app:1 -o type=oci,dest=oci.tar -o type=docker,dest=docker.tar c 2>/dev/null
    CBUILD_ROOT=$CASE_DIR/other
}
forget() { # an empty store
    cbuild cache reset --force >/dev/null
}
user_of_app() { # a context that stands on the image
    mkdir -p u
    printf 'FROM base\nRUN cat /app >/copy\n' >u/Dockerfile
}

registry() {
    [ -n "${E2E_REGISTRY:-}" ] || die "no docker-registry: ./check starts one"
    repo=$E2E_REGISTRY/$E2E_USER/$(basename "$CASE_DIR" | tr -c 'a-z0-9\n' -)$$
}
manifest_of() { # the digest that an archive's image has
    raw "oci-archive:$1"
}
raw() { # the digest that an image has: TRANSPORT:PLACE
    skopeo inspect --tls-verify=false --raw "$1" | sha256sum | cut -d' ' -f1
}

# Whoever wrote the archive, the image is the same; with a manifest it keeps that.
t_load() {
    app
    skopeo copy -q docker-archive:docker.tar docker-archive:podman.tar:app:1
    gzip -c oci.tar >oci.tar.gz
    xz -0 -c podman.tar >podman.tar.xz
    mkdir lay && tar -C lay -xf oci.tar
    want=$(skopeo inspect --config oci-archive:oci.tar | jq -c .rootfs.diff_ids)
    for from in oci.tar docker.tar podman.tar oci.tar.gz podman.tar.xz lay; do
        same "$(cbuild load -qi "$from")" "Loaded image: app:1"
        cbuild inspect app:1 >"$from.json"
        same "$(jq -c '.[0].RootFS.Layers' "$from.json")" "$want"
        forget
    done
    same "$(cbuild load 2>/dev/null <podman.tar.xz)" "Loaded image: app:1"
    same "$(jq -r '.[0].Digest' oci.tar.json)" "sha256:$(manifest_of oci.tar)"
    same "$(jq -r '.[0].Digest' lay.json)" "sha256:$(manifest_of oci.tar)"
    same "$(jq -r '.[0].Digest' podman.tar.json)" null
    only root
    cbuild run app:1 cat /app >printed 2>/dev/null
    same "$(cat printed)" app
}

t_load_what_is_no_image() {
    only root
    app
    head -c 700000 oci.tar >cut.tar
    head -c 100000 /dev/urandom >noise
    tar -cf empty.tar c
    : >nothing
    for from in cut.tar noise empty.tar nothing c none; do
        fails 1 cbuild load -qi "$from"
        has "$out" "$from"
    done
    fails 2 cbuild load --platform x/y/z/w -i oci.tar
    mkdir lay && tar -C lay -xf oci.tar
    layer=$(oci manifest oci.tar | jq -r '.layers[0].digest' | cut -d: -f2)
    printf x | dd of=lay/blobs/sha256/"$layer" bs=1 seek=1000 conv=notrunc 2>/dev/null
    tar -C lay -cf wrong.tar .
    fails 1 cbuild load -qi wrong.tar
    has "$out" "$layer"
    rm lay/blobs/sha256/"$layer"
    fails 1 cbuild load -qi lay
    has "$out" "is missing"
    same "$(cbuild images -q)" ""
}

# As all kinds of user: a build stands on an archive, which is read in place.
t_context() {
    app
    user_of_app
    skopeo copy -q docker-archive:docker.tar docker-archive:podman.tar:app:1
    mkdir lay && tar -C lay -xf oci.tar
    for from in oci-archive:oci.tar docker-archive:podman.tar:app:1 oci:lay:1; do
        rootfs --build-context base="$from" u
        same "$(cat root/copy)" app
    done
    rootfs --build-context base=docker-archive:docker.tar u
    has "$(cat build.log)" "CACHED" # one image, however it came
}

t_context_that_is_none() {
    only root
    app
    user_of_app
    for args in oci-archive:oci.tar:x "docker-archive:docker.tar:app:2" oci:c oci-archive:none; do
        fails 1 cbuild --build-context base="$args" u
    done
    fails 1 cbuild --build-context base=oci-archive:oci.tar:x u
    has "$out" "'x': no such image in the layout, which has 'docker.io/library/app:1'"
    fails 2 cbuild --build-context base=oci-archive: u
    fails 1 cbuild --build-context base=dir:x u
    has "$out" "skopeo copy dir:x"
}

# The store has all of an image whose base was an archive, whatever becomes of that.
t_base_is_kept() {
    only root
    app
    printf 'FROM base\nLABEL a=b\n' >c/Dockerfile
    cbuild -t new --build-context base=oci-archive:oci.tar c 2>/dev/null
    rm oci.tar
    cbuild run new cat /app >printed 2>/dev/null
    same "$(cat printed)" app
}

t_pull() {
    only root
    app
    same "$(cbuild pull -q oci-archive:oci.tar)" "docker.io/library/app:1@sha256:$(manifest_of oci.tar)"
    same "$(cbuild pull -q docker-archive:docker.tar:app:1)" "docker.io/library/app:1@sha256:$(manifest_of docker.tar)"
    fails 1 cbuild pull -q oci-archive:oci.tar:other
    fails 2 cbuild pull oci:
}

t_save() {
    only root
    app
    cbuild load -qi oci.tar >/dev/null
    cbuild tag app:1 example.com/x/app:2
    cbuild save app:1 2>/dev/null >saved.tar
    same "$(skopeo inspect docker-archive:saved.tar:app:1 | jq -r '.Env[0]' | cut -d= -f1)" PATH
    printf 'FROM scratch\nLABEL a=b\n' >c/Dockerfile
    cbuild -qt second c >/dev/null
    cbuild save -qo many.tar app:1 second example.com/x/app:2
    for name in app:1 second:latest example.com/x/app:2; do skopeo inspect docker-archive:many.tar:$name >/dev/null; done
    cbuild save --format oci-archive -qo own.tar app:1
    cbuild save --format oci-dir -qo own app:1
    same "$(manifest_of own.tar)" "$(manifest_of oci.tar)"
    same "$(raw oci:own:1)" "$(manifest_of oci.tar)"
    oci verify own.tar
    fails 1 cbuild save none
    fails 2 cbuild save --format oci-dir app:1
    on_terminal 80x24 save app:1
    same "$status" 2
    forget
    same "$(cbuild load -qi many.tar | sort)" "Loaded image: app:1
Loaded image: example.com/x/app:2
Loaded image: second:latest"
}

# Blobs go from one place to the other as they are.
t_copy() {
    only root
    registry
    app
    want=$(manifest_of oci.tar)
    same "$(cbuild copy -q --digestfile d oci-archive:oci.tar "docker://$repo:1")" "docker://$repo:1@sha256:$want"
    same "$(cat d)" "sha256:$want"
    cbuild copy -q "docker://$repo:1" "docker://$repo/two:2" >/dev/null
    same "$(raw "docker://$repo/two:2")" "$want"
    cbuild copy -q "docker://$repo:1" oci:lay:mine >/dev/null
    same "$(raw oci:lay:mine)" "$want"
    cbuild copy -q oci:lay:mine docker-archive:d.tar:app:3 >/dev/null
    same "$(skopeo inspect docker-archive:d.tar:app:3 | jq -r '.Layers | length')" "$(oci manifest oci.tar | jq '.layers | length')"
    cbuild copy -qf v2s2 oci:lay:mine "docker://$repo:d" >/dev/null
    has "$(skopeo inspect --raw --tls-verify=false "docker://$repo:d")" vnd.docker.distribution.manifest.v2
    same "$(cbuild images -q)" "" # nothing of it was in the store
    same "$(cbuild copy -q "docker://$repo/two:2" mine:1)" docker.io/library/mine:1
    cbuild run mine:1 cat /app >printed 2>/dev/null
    same "$(cat printed)" app
    same "$(cbuild copy -q docker-archive:d.tar:app:3 other:1)" docker.io/library/other:1
    same "$(cbuild push -q other:1 oci-archive:- | tar -tf - index.json)" index.json
    fails 2 cbuild copy mine:1 other:2
    fails 2 cbuild copy --all oci:lay mine:3
    fails 1 cbuild copy oci:lay:none oci:new
    fails 2 cbuild copy oci:lay docker://x/BAD
}

# An image for several platforms: one of them goes, or all.
t_copy_of_several_platforms() {
    only root
    registry
    app
    cbuild copy -q oci-archive:oci.tar oci:lay >/dev/null
    one=$(jq -c '.manifests[0] | del(.annotations)' lay/index.json)
    printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[%s,%s]}' \
        "$(printf %s "$one" | jq -c '.platform.architecture="s390x"')" "$one" >index
    hex=$(sha256sum index | cut -d' ' -f1)
    cp index "lay/blobs/sha256/$hex"
    printf '{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.index.v1+json","digest":"sha256:%s","size":%s}]}' \
        "$hex" "$(wc -c <index)" >lay/index.json
    cbuild copy -qa oci:lay "docker://$repo:all" >/dev/null
    same "$(raw "docker://$repo:all")" "$hex"
    cbuild copy -q "docker://$repo:all" oci-archive:one.tar >/dev/null
    same "$(raw oci-archive:one.tar)" "$(printf %s "$one" | jq -r .digest | cut -d: -f2)"
    fails 1 cbuild copy -q --platform linux/riscv64 "docker://$repo:all" oci-archive:none.tar
    [ ! -e none.tar ] || die "an archive of nothing"
    fails 1 cbuild copy -qa "docker://$repo:all" docker-archive:none.tar
    has "$out" "leave --all out"
    fails 1 cbuild copy -qaf v2s2 "docker://$repo:all" oci-archive:none.tar
}

# What goes wrong on the way leaves nothing with a name.
t_copy_of_what_is_damaged() {
    only root
    app
    mkdir lay && tar -C lay -xf oci.tar
    layer=$(oci manifest oci.tar | jq -r '.layers[0].digest' | cut -d: -f2)
    printf x | dd of="lay/blobs/sha256/$layer" bs=1 seek=1000 conv=notrunc 2>/dev/null
    for to in oci-archive:new.tar docker-archive:new.tar oci:new; do
        fails 1 cbuild copy -q oci:lay "$to"
        has "$out" "$layer"
        [ ! -e new.tar ] && [ ! -e new ] || die "$to is there"
    done
    fails 1 cbuild copy -q oci:lay "docker://$E2E_REGISTRY/root/damaged:1"
    has "$out" "$layer"
}

# Docker and podman are asked by their programs.
t_stores_of_others() {
    only root
    app
    user_of_app
    mkdir bin
    cat >bin/docker <<'X'
#!/bin/sh
case $1 in
save) [ "$2" = app:1 ] || { echo "Error: no such image: $2" >&2; exit 1; }; cat docker.tar ;;
load) cat >loaded.tar ;;
esac
X
    chmod +x bin/docker
    cp bin/docker bin/podman
    PATH=$PWD/bin:$PATH
    same "$(cbuild pull -q docker-daemon:app:1 | cut -d@ -f1)" docker.io/library/app:1
    rootfs --build-context base=containers-storage:app:1 u
    same "$(cat root/copy)" app
    cbuild push -q app:1 docker-daemon:theirs:2 >/dev/null
    same "$(skopeo inspect docker-archive:loaded.tar:theirs:2 | jq -r .Os)" linux
    fails 1 cbuild pull -q docker-daemon:none
    has "$out" "no such image: none"
    rm bin/docker && printf '#!/bin/sh\necho broken >&2\nexit 3\n' >bin/podman
    fails 1 cbuild push -q app:1 containers-storage:app
    has "$out" broken
    PATH=$PWD/bin
    fails 1 cbuild pull docker-daemon:app:1
    has "$out" "'docker', which keeps such images, is not installed"
}

# A base image that no registry gives may be one that docker or podman has. Where a context may be meant for it, that is said.
t_base_that_others_have() {
    only root
    registry
    app
    mkdir bin
    printf '#!/bin/sh\nexit 1\n' >bin/docker
    cat >bin/podman <<X
#!/bin/sh
[ "\$1" = save ] || [ "\$5" = "$repo/none:1" ] || exit 1
[ "\$1" = image ] || cat docker.tar
X
    chmod +x bin/docker bin/podman
    PATH=$PWD/bin:$PATH
    printf 'FROM %s/none:1\nRUN cat /app >/copy\n' "$repo" >c/Dockerfile
    rootfs c
    same "$(cat root/copy)" app
    has "$(cat build.log)" "the image that podman has is used"
    fails 1 cbuild --pull=never c
    fails 1 cbuild --pull=always c
    hasnt "$out" podman
    printf 'FROM %s/none:2\n' "$repo" >c/Dockerfile
    fails 1 cbuild --build-context "$repo/none=oci-archive:oci.tar" c
    has "$out" "--build-context $repo/none:2=oci-archive:oci.tar"
}
