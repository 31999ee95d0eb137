# Images for several platforms from one build, and what becomes of them.

native=linux/amd64 other=linux/arm64
[ "$(uname -m)" != aarch64 ] || { native=linux/arm64 && other=linux/amd64; }
both=$native,$other

# "base" for both platforms, and in c an image of it. What is in it for the other one is never executed.
images() {
    only root
    mkdir base
    cp /bin/busybox base/busybox
    printf 'FROM scratch\nARG TARGETARCH\nCOPY busybox /bin/busybox\nCOPY <<X /for\n$TARGETARCH\nX\n' >base/Dockerfile
    cbuild --platform "$both" -t base base 2>/dev/null
    mkdir c
    cat >c/Dockerfile <<'D'
FROM --platform=$BUILDPLATFORM base AS build
RUN ["/bin/busybox", "sh", "-c", "echo once >/once"]
ARG TARGETARCH
RUN ["/bin/busybox", "sh", "-c", "echo built for $TARGETARCH >/arch"]
FROM base
COPY --from=build /once /arch /
CMD ["/bin/busybox", "cat", "/arch"]
D
}
platforms() { # of an index from standard input
    jq -r '[.manifests[].platform | .os + "/" + .architecture] | join(",")'
}
names() { # of the executed steps that hold this text
    jq -r '.["cbuild.steps"][].name' m.json | grep -F "$1"
}
blob() { # a document of the layout d
    cat "d/blobs/sha256/${1#sha256:}"
}

t_one_plan() {
    images
    cbuild --platform "$native" --platform "$other" --iidfile id --metadata-file m.json -t app c 2>log || die "$(cat log)"
    same "$(names 'echo once' | wc -l)" 1
    same "$(names 'echo built' | sed 's/ 3.*//')" "[$native build
[$native->${other#*/} build"
    same "$(names COPY | sed 's/ 2.*//')" "[$native stage-1
[$other stage-1"
    # All of them together go by the digest of their index.
    same "$(cat id)" "$(jq -r '.["containerimage.digest"]' m.json)"
    same "$(jq -r '.["containerimage.descriptor"] | .mediaType, .platform' m.json)" "application/vnd.oci.image.index.v1+json
null"
    same "$(cbuild inspect app | jq -r '[.[0].Platforms[].Platform] | join(",")')" "$both"
    same "$(cbuild run app)" "built for ${native#*/}"
    same "$(cbuild run --platform "$native" app)" "built for ${native#*/}"
    fails 125 cbuild run --platform linux/s390x app
    has "$out" "is for $native, $other, not linux/s390x"
    # Again nothing runs, and one platform alone finds what was made for it.
    cbuild --platform "$both" -t app c 2>log
    has "$(cat log)" "0 steps run"
    cbuild --platform "$other" -o type=oci,dest=one.tar c 2>log
    has "$(cat log)" "0 steps run"
    same "$(oci config one.tar | jq -r .architecture)" "${other#*/}"
    cbuild explain --platform "$both" c >explained 2>&1 || die "$(cat explained)"
    # One that asks for no list can have one.
    cbuild --build-arg BUILDKIT_MULTI_PLATFORM=1 --platform "$other" -o type=oci,dest=one.tar c 2>/dev/null
    mkdir d
    tar xf one.tar -C d
    same "$(blob "$(jq -r '.manifests[0].digest' d/index.json)" | platforms)" "$other"
}

t_archives_and_folders() {
    images
    cbuild --platform "$both" -t app:1 -o type=oci,dest=app.tar -o type=tar,dest=files.tar -o files c 2>/dev/null
    mkdir d
    tar xf app.tar -C d
    same "$(jq -r '.manifests[] | .mediaType, .annotations["io.containerd.image.name"], .platform' d/index.json)" \
        "application/vnd.oci.image.index.v1+json
docker.io/library/app:1
null"
    same "$(blob "$(jq -r '.manifests[0].digest' d/index.json)" | platforms)" "$both"
    needs skopeo
    skopeo copy -q --all oci-archive:app.tar dir:copied
    same "$(platforms <copied/manifest.json)" "$both"
    for p in "$native" "$other"; do
        folder=$(echo "$p" | tr / _)
        same "$(cat "files/$folder/arch")" "built for ${p#*/}"
        same "$(tar xOf files.tar "$folder/arch")" "built for ${p#*/}"
    done
    # It is a context, too, and the fitting image is taken out of it.
    cbuild --platform "$other" --build-context x=oci-layout://"$PWD/d" -o from -f - c 2>/dev/null <<'D'
FROM x
D
    same "$(cat from/arch)" "built for ${other#*/}"
    fails 2 cbuild --platform "$both" -o type=docker,dest=x.tar c
    has "$out" "such an archive has one image, and there are 2 platforms"
    fails 1 cbuild --platform "$both" -o type=local,dest=merged,platform-split=false c
    has "$out" "the images of two platforms have '/arch'"
    has "$out" "hint: with platform-split=true each platform has a folder"
    printf 'FROM scratch\nARG TARGETARCH\nCOPY <<X /d/$TARGETARCH\nX\n' >c/Dockerfile
    cbuild --platform "$both" -o type=local,dest=merged,platform-split=false c 2>/dev/null
    same "$(ls merged/d | tr '\n' ' ')" "amd64 arm64 "
    cbuild --platform "$other" -o type=tar,dest=split.tar,platform-split=true c 2>/dev/null
    same "$(tar tf split.tar | tail -n 1)" "linux_${other#*/}/d/${other#*/}"
}

t_registry() {
    images
    [ -n "${E2E_REGISTRY:-}" ] || die "no docker-registry: ./check starts one"
    needs skopeo podman
    repo=$E2E_REGISTRY/platforms$$
    cbuild --platform "$both" -t "$repo:1" --push --iidfile id c 2>/dev/null
    skopeo inspect --tls-verify=false --raw "docker://$repo:1" >index
    same "$(platforms <index)" "$both"
    same "sha256:$(sha256sum <index | cut -d' ' -f1)" "$(cat id)"
    printf '[[registry]]\nlocation = "%s"\ninsecure = true\n' "$E2E_REGISTRY" >registries.conf
    same "$(CONTAINERS_REGISTRIES_CONF=$PWD/registries.conf podman manifest inspect "$repo:1" | platforms)" "$both"
    skopeo copy -q --all --src-tls-verify=false "docker://$repo:1" dir:copied
    for p in "$native" "$other"; do
        same "$(skopeo inspect --tls-verify=false --override-arch "${p#*/}" "docker://$repo:1" | jq -r .Architecture)" "${p#*/}"
    done
    # The store's name goes there as an index, and what comes back for both stays together.
    cbuild --platform "$both" -t app c 2>/dev/null
    cbuild push app "$repo:2" >out
    same "$(skopeo inspect --tls-verify=false --raw "docker://$repo:2")" "$(cat index)"
    has "$(cat out)" "$(cat id)"
    printf 'FROM %s\nENV A=1\n' "$repo:2" >c/Dockerfile
    cbuild --platform "$both" -t child c 2>/dev/null
    same "$(cbuild inspect "$repo:2" | jq -r '[.[0].Platforms[].Platform] | sort | join(",")')" "linux/amd64,linux/arm64"
    cbuild --platform "$both" --pull=never -t child c 2>/dev/null
    # One of them alone, by its name.
    cbuild pull -q --platform "$other" "$repo:2" >/dev/null
    fails 1 cbuild --platform "$native" --pull=never c
    has "$out" "is in the store for $other, not for $native"
    printf 'FROM %s\n' "$repo:2" >c/Dockerfile
    fails 1 cbuild --platform "$native,linux/s390x" c
    has "$out" "linux/s390x"
}

t_names() {
    images
    cbuild --platform "$both" -t app c 2>/dev/null
    cbuild tag app two
    same "$(cbuild images app | grep -c "app:latest (linux/")" 2
    id=$(cbuild inspect two | jq -r '.[0].Platforms[1].Id')
    same "$(cbuild inspect "$id" | jq -r ".[0].Architecture")" "${other#*/}"
    fails 1 cbuild rmi "$id"
    has "$out" "together with those of other platforms: app:latest, two:latest"
    cbuild rmi app >/dev/null
    cbuild prune --all -f >/dev/null
    cbuild cache verify >/dev/null || die "what the second image needs is gone"
    cbuild --platform "$other" -o out -f - c 2>/dev/null <<'D'
FROM two
D
    same "$(cat out/arch)" "built for ${other#*/}"
    # A name that gets one image has that alone.
    cbuild --platform "$native" -t two c 2>/dev/null
    same "$(cbuild inspect two | jq -r '.[0].Platforms')" null
}

t_lists() {
    images
    for p in "$native" "$other"; do cbuild --platform "$p" -t "app:${p#*/}" c 2>/dev/null; done
    fails 1 cbuild manifest exists list
    fails 2 cbuild manifest create list
    cbuild manifest create list "app:${native#*/}" >out
    same "$(cat out)" docker.io/library/list:latest
    same "$(cbuild manifest inspect list | platforms)" "$native"
    fails 1 cbuild manifest create list "app:${other#*/}"
    has "$out" "hint: --amend adds to it"
    cbuild manifest create --amend list "app:${other#*/}" >/dev/null
    cbuild manifest add list --arch s390x "app:${other#*/}" >/dev/null # the same image again
    same "$(cbuild manifest inspect list | platforms)" "$native,linux/s390x"
    cbuild manifest annotate --arch "${other#*/}" list "app:${other#*/}" >/dev/null
    same "$(cbuild manifest inspect list | platforms)" "$both"
    cbuild manifest exists list
    cbuild --platform "$native" --manifest built c 2>/dev/null
    cbuild --platform "$other" --manifest built c 2>/dev/null
    same "$(cbuild manifest inspect built)" "$(cbuild manifest inspect list)"
    # What a build for both makes is the same list.
    cbuild --platform "$both" -t app c 2>/dev/null
    same "$(cbuild manifest inspect app)" "$(cbuild manifest inspect list)"
    cbuild manifest create --all more app >/dev/null
    same "$(cbuild manifest inspect more)" "$(cbuild manifest inspect list)"
    [ -n "${E2E_REGISTRY:-}" ] || die "no docker-registry: ./check starts one"
    repo=$E2E_REGISTRY/lists$$
    cbuild manifest push --all list "docker://$repo:1" >out
    has "$(cat out)" "$repo:1@sha256:$(cbuild manifest inspect list | head -c -1 | sha256sum | cut -d' ' -f1)"
    cbuild manifest rm list >/dev/null
    fails 1 cbuild manifest annotate --arch arm list "app:${other#*/}"
    has "$out" "there is no list 'list'"
    # Of an image of a registry only the documents come.
    cbuild manifest create "$repo:2" "docker://$repo:1" >/dev/null
    same "$(cbuild manifest inspect "$repo:2" | platforms)" "$native"
    cbuild manifest push "$repo:2" >/dev/null
}
