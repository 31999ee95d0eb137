# The same sources give the same image, wherever and by whomever they are built. Other users and rungs: the cases run as each kind
# of user, and 27-owners.sh compares the rungs.

# What makes files in each way, with a time of its own; two names of one file, and something that a later step takes away.
sources() { # sources DIR
    context "$1" <<X
${base}COPY --chmod=755 data /data/
RUN mkdir -p /d/e && echo made >/d/e/f && ln /d/e/f /d/g && ln -s g /d/h && date >/now && rm /now && touch -d @1500000000 /old
RUN umask >/umask && rm /data/b
WORKDIR /w
LABEL a=b
X
    mkdir "$1/data"
    seq 1000 >"$1/data/a"
    echo b >"$1/data/b"
}
digest_of() { # digest_of ARCHIVE
    oci verify "$1"
    tar -xOf "$1" index.json | jq -r '.manifests[0].digest'
}

t_elsewhere() {
    (umask 022 && sources c)
    (umask 022 && sources elsewhere/other)
    find elsewhere -exec touch -h -d '2021-02-03 04:05' {} +
    export SOURCE_DATE_EPOCH=1600000000
    cbuild -o type=oci,dest=a.tar,rewrite-timestamp=true c 2>/dev/null
    first=$(digest_of a.tar)
    # another store, on memory; time zone, language, umask, one processor, no parallel steps
    there=$(mktemp -d /dev/shm/cbuild-repro.XXXXXX)
    sleep 1
    (
        umask 077
        cd elsewhere
        TZ=Asia/Tokyo LC_ALL=C.UTF-8 HOSTNAME=elsewhere taskset -c 0 "$CBUILD" --root "$there" --jobs 1 \
            -o type=oci,dest=../b.tar,rewrite-timestamp=true other 2>log || { cat log >&2 && exit 1; }
        "$CBUILD" --root "$there" cache reset --force >/dev/null 2>&1
    ) || die "the other build failed"
    rm -rf "$there"
    same "$(digest_of b.tar)" "$first"
    # the same store again: from the cache, and without it; the epoch as an argument
    cbuild -o type=oci,dest=c.tar,rewrite-timestamp=true c 2>/dev/null
    same "$(digest_of c.tar)" "$first"
    unset SOURCE_DATE_EPOCH
    cbuild --no-cache --build-arg SOURCE_DATE_EPOCH=1600000000 -o type=oci,dest=d.tar,rewrite-timestamp=true c 2>/dev/null
    same "$(digest_of d.tar)" "$first"
    cbuild --timestamp 1600000000 --rewrite-timestamp -o type=oci,dest=e.tar c 2>/dev/null
    same "$(digest_of e.tar)" "$first"
}

# Times after the epoch are the epoch, earlier ones stay; layers of a base stay as they are; the config names what the layers are.
t_times_of_files() {
    (umask 022 && sources c)
    cbuild -q -t base:1 --build-arg SOURCE_DATE_EPOCH=1600000000 c >/dev/null
    cbuild -t base:1 -o type=oci,dest=base.tar c 2>/dev/null
    printf 'FROM base:1\nRUN echo new >/new\n' >D
    SOURCE_DATE_EPOCH=1600000000 cbuild -f D -o type=oci,dest=a.tar,rewrite-timestamp=true c 2>/dev/null
    oci verify a.tar
    has "$(oci layers a.tar -1)" "1600000000 new"
    same "$(oci manifest a.tar | jq -c '[.layers[].annotations["buildkit/rewritten-timestamp"]]')" \
        "$(oci manifest base.tar | jq -c '[.layers[] | null] + ["1600000000"]')"
    SOURCE_DATE_EPOCH=1600000000 cbuild -o type=oci,dest=b.tar,rewrite-timestamp=true c 2>/dev/null
    oci layers b.tar 3 >third
    has "$(cat third)" "1500000000 old"
    has "$(cat third)" "1600000000 d/e/f"
    fails 2 cbuild -o type=oci,dest=x.tar,rewrite-timestamp=true c
    has "$out" "SOURCE_DATE_EPOCH=SECONDS"
}

t_unchanged_keeps_its_digest() {
    (umask 022 && sources c)
    cbuild -o type=oci,dest=a.tar c 2>/dev/null
    sleep 1
    touch c/data/a
    cbuild -o type=oci,dest=b.tar c 2>/dev/null
    same "$(digest_of b.tar)" "$(digest_of a.tar)"
    cbuild kaniko -c c --no-push --reproducible --tar-path k.tar 2>/dev/null
    tar -xOf k.tar "$(tar -xOf k.tar manifest.json | jq -r '.[0].Layers[-1]')" | tar -tvz --full-time --utc -f - >last
    has "$(cat last)" 1970-01-01
}
