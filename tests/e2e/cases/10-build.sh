# The main job: build, cache, result.

t_hello() {
    context c <<X
${base}RUN echo hello > /hello
CMD ["cat", "/hello"]
X
    cbuild -t app:1 c 2>log
    has "$(cat log)" "3 steps run, 0 cached"
    cbuild -t app:1 c 2>log2
    has "$(cat log2)" "0 steps run, 3 cached"
    same "$(grep -o 'sha256:[0-9a-f]*' log | tail -n 1)" "$(grep -o 'sha256:[0-9a-f]*' log2 | tail -n 1)"
    has "$(cbuild images)" "app:1"
    has "$(cbuild inspect app:1)" '"cat"'
    rootfs c
    same "$(cat root/hello)" hello
}

t_the_word_build() {
    printf 'FROM scratch\nCOPY Dockerfile /\n' >Dockerfile
    cbuild build -q . >id
    has "$(cat id)" sha256:
}

t_changed_file_runs_what_depends_on_it() {
    context c <<X
${base}COPY a /a
RUN cat /a > /a2
COPY b /b
RUN cat /b > /b2
X
    echo 1 >c/a
    echo 1 >c/b
    cbuild c 2>log
    has "$(cat log)" "6 steps run"
    echo 2 >c/b
    cbuild c 2>log
    has "$(cat log)" "2 steps run, 4 cached"
    touch -d '2001-01-01' c/a
    cbuild c 2>log
    has "$(cat log)" "0 steps run, 6 cached"
}

t_label_reruns_nothing() {
    context c <<X
${base}RUN true
LABEL a=1
RUN true
X
    cbuild -q c >id1
    sed -i s/a=1/a=2/ c/Dockerfile
    cbuild c 2>log
    has "$(cat log)" "0 steps run"
    cbuild -q c >id2
    [ "$(cat id1)" != "$(cat id2)" ] || die "the label is not in the image ID"
}

t_early_cut_off() {
    context c </dev/null
    cat >c/Dockerfile <<X
FROM scratch AS tools
COPY busybox /bin/busybox
RUN ["/bin/busybox", "--install", "-s", "/bin"]
FROM tools AS count
COPY seed /seed
RUN wc -l < /seed > /lines
FROM tools
COPY --from=count /lines /lines
RUN cat /lines > /copy
X
    echo a >c/seed
    cbuild c 2>log
    has "$(cat log)" "6 steps run"
    echo b >c/seed
    cbuild c 2>log
    has "$(cat log)" "2 steps run, 4 cached"
}

t_multi_stage() {
    context c <<X
${base}
FROM scratch AS build
COPY --from=0 / /
RUN mkdir /out && echo built > /out/file && chmod 600 /out/file
FROM scratch AS unused
COPY missing /
FROM scratch
COPY --from=build /out/ /app/
X
    rootfs c
    same "$(cat root/app/file)" built
    [ ! -e root/out ] || die "more than was copied"
    has "$(listing)" "-rw------- 0/0"
}

t_failing_run() {
    context c <<X
${base}RUN echo out; echo err >&2; exit 7
RUN touch /never
X
    fails 1 cbuild c
    has "$out" "exit code: 7"
    has "$out" "Dockerfile:4"
    has "$out" ">>> RUN echo out"
    has "$out" "err"
    sed -i 's/exit 7/exit 0/' c/Dockerfile
    cbuild c 2>/dev/null
}

t_iidfile_and_metadata() {
    printf 'FROM scratch\nCOPY Dockerfile /\n' >Dockerfile
    cbuild -q --iidfile id --metadata-file m.json -t x:1 . >out
    same "$(cat id)" "$(cat out)"
    has "$(cat m.json)" '"containerimage.config.digest": "'"$(cat id)"
}

t_what_a_step_cost() {
    context c <<X
${base}RUN i=0; while [ \$i -lt 30000 ]; do i=\$((i+1)); done; dd if=/dev/zero of=/f bs=1M count=3 conv=fsync 2>/dev/null
X
    written=$((3 << 20))
    [ "$(stat -f -c %T .)" != tmpfs ] || written=0 # there it goes to no disk
    for cached in false true; do
        cbuild --progress=rawjson --metadata-file m.json c 2>events
        python3 - "$cached" "$written" <<'X'
import json, sys
all = json.load(open("m.json"))
assert ("cbuild.sandbox" in all) == (sys.argv[1] == "false"), all
assert all.get("cbuild.sandbox", {"files": "tree"})["files"] in ("overlay", "tree"), all
step = all["cbuild.steps"][-1]
assert "RUN i=0" in step["name"] and step["digest"].startswith("sha256:"), step
assert step["cached"] == (sys.argv[1] == "true"), step
assert step["seconds"] > 0 and step["cpuSeconds"] > 0 and step["maxRSS"] > 100000 and step["readBytes"] >= 0, step
assert step["writtenBytes"] >= int(sys.argv[2]) and step["size"] >= 3 << 20, step
assert all["cbuild.skipped"] == [], all
done = [v for line in open("events") for v in json.loads(line).get("vertexes", []) if "RUN i=0" in v["name"]][-1]
assert step["cached"] or (done["cpuSeconds"] == step["cpuSeconds"] and done["writtenBytes"] == step["writtenBytes"]), done
X
    done
}

t_no_cache() {
    context c <<X
${base}RUN cat /proc/sys/kernel/random/uuid > /id
X
    rootfs c
    first=$(cat root/id)
    rootfs c
    same "$(cat root/id)" "$first"
    rootfs --no-cache c
    [ "$(cat root/id)" != "$first" ] || die "it was not run again"
}

t_no_cache_gives_the_same_image() {
    context c <<X
${base}RUN echo a > /a && mkdir /d && echo b > /d/b
X
    cbuild -q c >id1
    cbuild -q --no-cache c >id2
    same "$(cat id2)" "$(cat id1)"
}

# BuildKit counts what is taken from no stage as further stages, mounts without 'from' among them.
t_index_of_what_is_no_stage() {
    mkdir one two
    echo 1 >one/f
    echo 2 >two/f
    cat >Dockerfile <<'EOF'
FROM scratch
RUN --mount=type=tmpfs,target=/t ["/x"]
COPY --from=one f /
FROM scratch
COPY --from=two f /
COPY --from=3 f /from3
COPY --from=4 f /from4
EOF
    rootfs --build-context one=one --build-context two=two .
    same "$(cat root/f root/from3 root/from4 | tr -d '\n')" 212
}

# Two stages wait for each other's file: that ends only when both run at once.
t_independent_stages_run_side_by_side() {
    context c </dev/null
    cat >c/Dockerfile <<X
FROM scratch AS b
COPY busybox /bin/busybox
RUN ["/bin/busybox", "--install", "-s", "/bin"]
FROM b AS one
RUN --mount=type=cache,target=/m touch /m/one && for i in \$(seq 200); do [ -e /m/two ] && exit 0; sleep 0.05; done; exit 1
FROM b AS two
RUN --mount=type=cache,target=/m touch /m/two && for i in \$(seq 200); do [ -e /m/one ] && exit 0; sleep 0.05; done; exit 1
FROM b
COPY --from=one /bin/sh /1
COPY --from=two /bin/sh /2
X
    cbuild --jobs 2 -q c
}

# What is copied from a stage that is executed again is looked at again.
t_no_cache_filter() {
    context c <<X
${base}FROM scratch AS a
COPY --from=0 / /
RUN cat /proc/sys/kernel/random/uuid > /id
FROM scratch AS b
COPY --from=0 / /
RUN cat /proc/sys/kernel/random/uuid > /id2
FROM scratch
COPY --from=a /id /
COPY --from=b /id2 /
X
    rootfs c
    cp root/id root/id2 .
    rootfs --no-cache-filter=b c
    same "$(cat root/id)" "$(cat id)"
    [ "$(cat root/id2)" != "$(cat id2)" ] || die "the old result was copied"
    cp root/id2 .
    rootfs c
    same "$(cat root/id2)" "$(cat id2)"
}

t_syntax_directive() {
    for s in docker/dockerfile:1 docker/dockerfile:1.7-labs mirror.example:5000/hub/docker/dockerfile:1@sha256:$(printf %064d 0); do
        printf '# syntax=%s\nFROM scratch\nCOPY Dockerfile /\n' "$s" >Dockerfile
        cbuild -q . >/dev/null
    done
    printf '# syntax=foo/frontend\nFROM scratch\nCOPY Dockerfile /\n' >Dockerfile
    fails 1 cbuild .
    has "$out" "Dockerfile:1"
    has "$out" foo/frontend
}

t_workdir_as_written() {
    context c <<X
${base}WORKDIR /w//y/../k
RUN test -d /w/y && pwd >pwd
X
    rootfs c
    same "$(cat root/w/k/pwd)" /w/k
    same "$(ls root/w | tr '\n' ' ')" "k y "
}
