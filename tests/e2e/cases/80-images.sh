# images, inspect, tag, rmi, prune, du.

app() {
    context c <<X
${base}RUN echo app > /app
LABEL v=1
X
}

t_names() {
    app
    cbuild -t app:1 -t app:two -t quay.io/x/y:z c 2>/dev/null
    cbuild images >list
    for name in app:1 app:two quay.io/x/y:z; do has "$(cat list)" "$name "; done
    cbuild tag app:1 other
    has "$(cbuild images)" "other:latest"
    same "$(cbuild inspect --format '{{.Id}}' other)" "$(cbuild inspect --format '{{.Id}}' app:1)"
    id=$(cbuild inspect --format '{{.Id}}' app:1)
    same "$(cbuild inspect --format '{{.Config.Labels.v}}' "$id")" 1
    same "$(cbuild inspect --format '{{.Id}}' "$(echo "$id" | cut -c8-19)")" "$id"
    cbuild rmi app:1 app:two >out
    hasnt "$(cbuild images)" "app:1"
    fails 1 cbuild inspect app:1
    has "$out" app:1
    fails 1 cbuild rmi app:1
    fails 1 cbuild tag nothing:here x
}

t_names_that_cannot_be() {
    app
    cbuild -t app:1 c 2>/dev/null
    id=$(cbuild inspect --format '{{.Id}}' app:1)
    for args in "tag app:1 BAD/Name/X" "tag app:1 x@$id" "push app:1 x:1@$id" "push $id" "push app:1 -x" "pull BAD/Name/X" \
        "images BAD/Name/X" "images --format nothing" "prune --until 5" "prune --until=-1h" "rmi -fx app:1"; do
        # shellcheck disable=SC2086 # words
        fails 2 cbuild $args
        has "$out" "ERROR: "
    done
    cbuild images -- app:1 >list
    same "$(wc -l <list)" 2
}

t_images_that_are_asked_for() {
    app
    cbuild -t app:1 -t app:2 -t quay.io/x/y:z c 2>/dev/null
    id=$(cbuild -q c) # the same without a name
    same "$(cbuild images | grep -c "$(echo "$id" | cut -c8-19)")" 3
    hasnt "$(cbuild images)" "<none>"
    same "$(cbuild images -q)" "$(echo "$id" | cut -c8-19)"
    same "$(cbuild images app | wc -l)" 3
    same "$(cbuild images app:2 | tail -n 1 | cut -d' ' -f1)" app:2
    same "$(cbuild images -q nothing)" ""
    sed -i s/v=1/v=2/ c/Dockerfile
    cbuild c 2>/dev/null
    same "$(cbuild images | grep -c '<none>')" 1
    same "$(cbuild images --quiet | wc -l)" 2
}

t_rmi() {
    app
    cbuild -t app:1 -t app:2 c 2>/dev/null
    id=$(cbuild -q c)
    fails 1 cbuild rmi "$id"
    has "$out" "app:1, app:2"
    has "$out" "--force"
    same "$(cbuild images | grep -c app:)" 2
    cbuild tag app:1 alias
    same "$(cbuild rmi alias)" "removed alias:latest"
    fails 1 cbuild rmi nothing:1 app:1 nothing:2 # one that is not there keeps none of the others
    has "$out" "nothing:1"
    has "$out" "nothing:2"
    has "$out" "removed app:1"
    cbuild rmi app:2 >/dev/null # the last name
    same "$(cbuild images -q)" ""
    cbuild -t app:1 -t app:2 c 2>/dev/null
    cbuild rmi -f "$(echo "$id" | cut -c8-19)" >out
    same "$(sort out | tr '\n' ' ')" "removed app:1 removed app:2 "
    same "$(cbuild images -q)" ""
    cbuild -t app:1 c 2>/dev/null
    cbuild rmi "$id" >/dev/null # its only name
    same "$(cbuild images -q)" ""
}

t_prefixes_of_ids() {
    app
    cbuild -t app:1 c 2>/dev/null
    id=$(cbuild inspect --format '{{.Id}}' app:1)
    same "$(cbuild inspect --format '{{.Id}}' "$(echo "$id" | cut -c8-15)")" "$id"
    case $id in *0) twin=${id%?}1 ;; *) twin=${id%?}0 ;; esac
    sed "s/$id/$twin/; s,library/app:1,library/twin:1,; s/ [0-9a-f]\{16\}\$//" "$CBUILD_ROOT/images/docker.io%2Flibrary%2Fapp:1" \
        >"$CBUILD_ROOT/images/docker.io%2Flibrary%2Ftwin:1"
    fails 1 cbuild rmi "$(echo "$id" | cut -c8-15)"
    has "$out" "several images"
    cbuild rmi "$id" >out
    same "$(cat out)" "removed app:1"
}

# A platform that is asked for is the image's, whatever the base says; the rest of the base's stays.
t_platform_of_an_image() {
    for p in linux/arm64 linux/amd64/v2 linux/arm/v6; do
        printf 'FROM scratch\nCOPY Dockerfile /\n' >Dockerfile
        cbuild --platform $p -t "base:$(echo $p | tr / -)" .
    done 2>/dev/null
    check() { # check GIVEN OF-FROM BASE WANT
        printf 'FROM --platform=%s base:%s AS a\nFROM a\n' "$2" "$3" >Dockerfile
        cbuild ${1:+--platform=$1} -t got . 2>/dev/null
        same "$(cbuild inspect --format '{{.Os}}/{{.Architecture}}/{{.Variant}}' got)" "$4"
    }
    check linux/amd64 linux/arm64 linux-arm64 linux/amd64/
    check linux/amd64 linux/amd64/v2 linux-amd64-v2 linux/amd64/v2
    check "" linux/amd64/v2 linux-amd64-v2 linux/amd64/v2
    check "" linux/arm64 linux-arm64 linux/arm64/
    check linux/amd64/v3 linux/amd64/v2 linux-amd64-v2 linux/amd64/v3
    check linux/arm64 linux/amd64/v2 linux-amd64-v2 linux/arm64/
    check linux/arm/v7 linux/arm/v6 linux-arm-v6 linux/arm/v7
}

t_a_name_moves() {
    app
    cbuild -t app c 2>/dev/null
    first=$(cbuild inspect --format '{{.Id}}' app)
    sed -i s/v=1/v=2/ c/Dockerfile
    cbuild -t app c 2>/dev/null
    [ "$(cbuild inspect --format '{{.Id}}' app)" != "$first" ] || die "the name did not move"
    same "$(cbuild images | grep -c 'app:latest')" 1
}

t_local_names_are_bases() {
    app
    cbuild -t mine/base:1 c 2>/dev/null
    printf 'FROM mine/base:1\nRUN cat /app > /copy\n' >c/Dockerfile
    rootfs c
    same "$(cat root/copy)" app
    printf 'FROM scratch\nCOPY --from=mine/base:1 /app /x\n' >c/Dockerfile
    rootfs c
    same "$(cat root/x)" app
}

t_prune() {
    app
    cbuild -t app c 2>/dev/null
    sed -i 's/echo app/echo other/' c/Dockerfile
    cbuild c 2>/dev/null
    cbuild prune >out
    has "$(cat out)" "removed"
    sed -i 's/echo other/echo app/' c/Dockerfile
    cbuild --progress=plain -t app c 2>log
    cbuild prune --all --keep-storage 1g >/dev/null
    cbuild prune --all --until 1h --max-age 1h >/dev/null
    would=$(cbuild prune --all --dry-run | tail -n 1)
    has "$would" "would remove"
    same "$(cbuild prune --all)" "removed${would#would remove}"
    cbuild -o type=tar,dest=- -t app c 2>log | tar -xO app >a
    same "$(cat a)" app
    has "$(cat log)" "0 steps run" # what a named image needs is there, and so are its steps
    has "$(cbuild prune --filter id=app --verbose)" "image        docker.io/library/app"
    hasnt "$(cbuild images)" app
    cbuild prune --all >/dev/null
    size=$(du -sk "$CBUILD_ROOT" | cut -f1)
    [ "$size" -lt 300 ] || die "prune --all left $size KiB: $(du -a "$CBUILD_ROOT" | sort -n | tail -n 5)"
    fails 2 cbuild prune --filter type=frontend
    has "$out" "exec.cachemount"
}

t_named_images_survive_prune() {
    app
    cbuild -t app c 2>/dev/null
    cbuild prune >/dev/null
    cbuild -t app c 2>log
    cbuild inspect app >/dev/null
    printf 'FROM app\nRUN cat /app > /b\n' >c/Dockerfile
    rootfs c
    same "$(cat root/b)" app
}

t_du() {
    app
    cbuild du >empty
    cbuild -t app c 2>/dev/null
    cbuild du >full
    has "$(cat full)" layers
    has "$(cat full)" total
    [ "$(cat empty)" != "$(cat full)" ] || die "the store has no size"
    cbuild du --verbose >all
    has "$(cat all)" "image        docker.io/library/app:latest"
    has "$(cbuild du --filter type=record)" "RUN echo app"
    hasnt "$(cbuild du --filter type=record --filter until=1h)" "RUN echo app"
    cbuild du --format json >json
    jq -e '.kinds[] | select(.kind == "layer") | .pruneAll == 0 and .bytes > 0' json >/dev/null || die "$(cat json)"
    jq -e '.items[] | select(.kind == "image") | .bytes > 100000 and .inUse' json >/dev/null || die "$(cat json)"
    real=$(du -s --block-size=1 "$CBUILD_ROOT/layers" | cut -f1)
    listed=$(jq '.kinds[] | select(.kind == "layer") | .bytes' json)
    [ $((real - listed)) -lt 9000 ] || die "layers take $real bytes, listed are $listed"
}

t_inspect_is_json() {
    app
    cbuild -t app c 2>/dev/null
    cbuild inspect app | jq -e '.[0] | (.Layers | length == 3) and .RootFS.Layers == [.Layers[].DiffID]' >/dev/null
    cbuild inspect app | jq -e '.[0].Layers[2].CreatedBy | startswith("RUN /bin/sh -c echo app")' >/dev/null
    same "$(cbuild inspect app --format '{{json .Config.Labels}} {{.Config.Entrypoint}} {{index .RepoTags 0}}')" \
        '{"v":"1"} [] app:latest'
    fails 2 cbuild inspect app --format '{{.Nothing}}'
    has "$out" "there is no field '.Nothing'"
    fails 1 cbuild inspect app other
    has "$out" other
}
