# Secrets and agents: for the step that was given them, and for nothing else.

text=word-of-the-secret-$$

# Not in a layer, the log, the history, a record, an archive, nor a cache mount below which it was mounted; not in the
# environment, /proc or mounts of the steps beside and after it.
t_nowhere_but_in_their_step() {
    box c <<Y
FROM scratch AS base
COPY --from=tools / /
COPY a/ /a/
RUN mkdir /out && ln -s /out /link && ln -s /nowhere /dangling
FROM base AS one
RUN --mount=type=cache,target=/c --mount=type=secret,id=s,env=WORD --mount=type=secret,id=s --mount=type=secret,id=s,target=/c/below/s \
 --mount=type=secret,id=s,target=/link/s --mount=type=secret,id=s,target=/dangling --mount=type=tmpfs,target=/t \
 cat /run/secrets/s /c/below/s /link/s; cp /run/secrets/s /t/s; touch /c/begun; for i in \$(seq 300); do [ -e /c/seen ] && break; sleep 0.1; done; \
 echo "\$WORD" >&2; ln /run/secrets/s /hard 2>/dev/null; ln -s /run/secrets/s /soft; true
FROM base AS two
RUN --mount=type=cache,target=/c for i in \$(seq 300); do [ -e /c/begun ] && break; sleep 0.1; done; cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline \
 /proc/[0-9]*/mountinfo /c/below/s /dev/shm/* 2>/dev/null | grep -a '[w]ord-of-the' && /a/say reached "the secret of another step"; touch /c/seen
FROM one AS three
RUN --mount=type=cache,target=/c env; cat /soft /run/secrets/s /c/below/s /link/s /dangling /hard 2>/dev/null; mount; ls -R /c /run /out; true
FROM three
COPY --from=two /a /b
Y
    printf %s "$text" >secret
    attack --jobs 4 --secret id=s,src=secret -t named c
    same "$status" 0
    no_text "$text"
    "$CBUILD" --build-context tools="$ATTACK_TOOLS/root" --secret id=s,src=secret -o type=oci,dest=app.tar c 2>log || die "$(cat log)"
    "$CBUILD" inspect named >config
    ! grep -q "$text" config || die "the secret is in the history"
    python3 -c 'import sys, tarfile, zlib
def texts(path):
    with tarfile.open(path) as t:
        for m in t:
            data = t.extractfile(m).read() if m.isfile() else b""
            yield data
            if data[:2] == b"\x1f\x8b": yield zlib.decompressobj(31).decompress(data)
sys.exit(any(sys.argv[1].encode() in data for data in texts("app.tar")))' "$text" || die "the secret is in the archive"
}

# A step that fails, one that is killed, and an error that names the command: none says the secret.
t_not_in_errors() {
    printf %s "$text" >secret
    for end in 'exit 3' 'kill -9 $$; sleep 9' '/nonexistent/$WORD' 'sh -xc ": $WORD"; false'; do
        box c <<Y
${base}RUN --mount=type=secret,id=s,env=WORD sh -c '$(echo "$end" | sed "s/'/\"/g")'; echo "x\${WORD}y\$WORD\$WORD"; exit 4
Y
        refused --secret id=s,src=secret c
        no_text "$text"
    done
}

# In pieces, at the edge of a block of output, behind a NUL byte, in both streams.
t_masked_in_every_shape() {
    printf %s "$text" >secret
    box c <<Y
${base}RUN --mount=type=secret,id=s,env=WORD head -c 65530 /dev/zero | tr '\0' x; printf %s "\$WORD"; printf '\n%s' "\$WORD" | head -c 12; sleep 0.3; \
 printf %s "\$WORD" | tail -c +12; printf '\nnul\0%s\n' "\$WORD"; printf '%s\r%s\n' "\$WORD" "\$WORD" >&2; printf %s "\$WORD"
Y
    for progress in plain rawjson; do
        status=0
        "$CBUILD" --no-cache --progress=$progress --build-context tools="$ATTACK_TOOLS/root" --secret id=s,src=secret c >attack.out 2>&1 || status=$?
        same "$status" 0
        no_text "$text"
    done
}

# An id or a source that is a path is a name; a secret cannot be taken that was not given.
t_secrets_that_were_not_given() {
    for mount in "type=secret,id=../../beside/text,target=/s" "type=secret,id=/etc/passwd,target=/s" "type=secret,source=$CASE_DIR/beside/text,target=/s" \
        "type=ssh,id=/dev/null" "type=secret,id=HOME,env=H"; do
        box c <<Y
${base}RUN --mount=$mount cat /s; echo "[\$H]" >/h; test "\$(cat /h)" = "[]" || /a/say reached "an environment variable of the builder"
Y
        attack c
    done
}

# The environment of the builder itself: tokens of whoever builds are in no step.
t_environment_of_the_builder() {
    box c <<Y
${base}RUN env; cat /proc/*/environ /proc/self/environ | tr '\0' '\n'
Y
    CI_TOKEN=$text AWS_SECRET_ACCESS_KEY=$text SSH_AUTH_SOCK=/tmp/$text
    export CI_TOKEN AWS_SECRET_ACCESS_KEY SSH_AUTH_SOCK
    attack c
    same "$status" 0
    no_text "$text"
}
