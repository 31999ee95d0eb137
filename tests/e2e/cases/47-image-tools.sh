# history, diff, and what images and inspect show of an image in other forms. None of it depends on who asks.
two_images() {
    only root
    context c <<X
${base}RUN echo hi >/f; chmod 600 /f; mkdir -p /d; echo 1 >/d/x; ln -s /f /l; touch -d @1000 /t
LABEL v=1 kind=a
ENV A=b KEPT=1
CMD ["/bin/sh"]
X
    cbuild -q --timestamp 86400 -t app:1 c >/dev/null
    sed -i 's/v=1/v=2/; s/echo hi/echo hello/; s/600/640/; s,/d/x,/d/y,; s,-s /f,-s /d,; s/A=b KEPT/B=c KEPT/; s/@1000/@2000/' c/Dockerfile
    cbuild -q --timestamp 172800 -t app:2 c >/dev/null
}

t_history_and_diff() {
    two_images
    cbuild history app:1 >list
    same "$(sed -n '2s/ .*//p' list)" "$(cbuild inspect --format '{{.Id}}' app:1 | cut -c8-19)"
    has "$(sed -n 2p list)" 'CMD ["/bin/sh"]'
    has "$(sed -n 5p list)" "RUN /bin/sh -c echo hi >/f; chmod 600 /f; mkd…"
    has "$(tail -n 1 list)" "COPY busybox /bin/busybox # buildkit"
    size=$(stat -c %s /bin/busybox)
    same "$(cbuild history -H=false --format '{{.CreatedSince}} {{.Size}}' app:1 | tail -n 1)" "1970-01-02T00:00:00Z $size"
    has "$(cbuild history --no-trunc --format json app:1 | sed -n 4p | jq -r .CreatedBy)" "touch -d @1000 /t # buildkit"
    same "$(cbuild history -q app:1 | sort -u | wc -l)" 2
    cat >want <<X
D /d/x: file 0644 0:0 2 B
A /d/y: file 0644 0:0 2 B
C /f (content, size, mode): file 0600 0:0 3 B => file 0640 0:0 6 B
C /l (link): link 0777 0:0 -> /f => link 0777 0:0 -> /d
D config.Env.A: b
A config.Env.B: c
C config.Labels.v: 1 => 2
C created: 1970-01-02T00:00:00Z => 1970-01-03T00:00:00Z
X
    cbuild diff app:1 app:2 >got
    diff want got
    same "$(cbuild diff --format json app:1 app:2 | jq -c '[.files[] | select(.change == "changed") | .what]')" \
        '[["content","size","mode"],["link"]]'
    same "$(cbuild diff app:2 app:2)" ""
    has "$(cbuild diff --times app:1 app:2)" "C /t (time)"
    fails 1 cbuild diff app:1 other
}

t_lists() {
    two_images
    cbuild tag app:1 other/name:x
    same "$(cbuild images --format '{{.Repository}}:{{.Tag}}' | tr '\n' ' ')" "app:1 app:2 other/name:x "
    same "$(cbuild images --format 'table {{.Tag}}\t{{.Digest}}' app | tr -s ' ' | tr '\n' '|')" "TAG DIGEST|1 <none>|2 <none>|"
    same "$(cbuild images --format json | jq -r .Tag | tr '\n' ' ')" "1 2 x "
    same "$(cbuild images --json | jq -r '.[0].ID | length')" 12
    same "$(cbuild images --no-trunc -q app:2)" "$(cbuild inspect --format '{{.Id}}' app:2)"
    has "$(cbuild images --digests)" DIGEST
    names() { # names FILTER…
        cbuild images "$@" --format '{{.Name}}' | tr '\n' ' '
    }
    same "$(names -f label=v=2)" "app:2 "
    same "$(names -f label=kind -f 'reference=app:*')" "app:1 app:2 "
    same "$(names -f 'reference=*/name')" "other/name:x "
    same "$(names -f since=app:1)" "app:2 "
    same "$(names -f before=app:2 -f reference=app)" "app:1 "
    same "$(names -f until=24h -f dangling=true)" ""
    fails 2 cbuild images -f size=3
    has "$out" "is no filter"
    fails 1 cbuild images -f since=nothing
}

t_import_and_export() {
    only root
    mkdir -p root/bin root/etc
    cp /bin/busybox root/bin/sh
    echo hi >root/etc/x
    ln root/etc/x root/etc/y
    chown 5:6 root/etc/x
    tar -C root -czf files.tar.gz .
    export SOURCE_DATE_EPOCH=5
    id=$(cbuild import -q -c 'CMD ["sh", "-c", "read x </etc/x; echo $x"]' -c 'env A=b' -m mine files.tar.gz app:1)
    same "$(cbuild inspect --format '{{.Id}} {{.Created}} {{index .Config.Env 1}}' app:1)" "$id 1970-01-01T00:00:05Z A=b"
    same "$(gzip -dc files.tar.gz | cbuild import -q --change 'CMD ["sh", "-c", "read x </etc/x; echo $x"]' -c 'env A=b' --message mine -)" "$id"
    same "$(cbuild run app:1)" hi
    has "$(cbuild history app:1 | tail -n 1)" mine
    cbuild export app:1 2>/dev/null | tar -tv --numeric-owner >list
    has "$(cat list)" "5/6"
    has "$(cat list)" "etc/y link to etc/x"
    cbuild export -q -o out.tar app:1
    same "$(tar -xOf out.tar etc/x)" hi
    printf 'FROM app:1\nRUN ["/bin/sh", "-c", "echo $A > /z"]\n' | cbuild -q - >/dev/null
    cbuild push -q app:1 oci:layout:x >/dev/null
    same "$(skopeo inspect oci:layout:x | jq -r '.Layers | length')" 1
    fails 2 cbuild import -c 'RUN x' files.tar.gz
    has "$out" "no instruction that can be given there"
    fails 2 cbuild import -c 'EXPOSE x/y/z' files.tar.gz
    has "$out" "--change 'EXPOSE x/y/z': "
    fails 1 cbuild import /etc/passwd
    has "$out" "/etc/passwd: "
    fails 1 cbuild import nothing.tar
    fails 2 cbuild import http://localhost/x.tar
    has "$out" "curl -fL http://localhost/x.tar | cbuild import -"
    head -c 3000 files.tar.gz >short.tar.gz
    fails 1 cbuild import short.tar.gz short
    fails 1 cbuild inspect short
    python3 "$E2E_HERE/badtar.py" dotdot bad.tar
    fails 1 cbuild import bad.tar bad
    fails 1 cbuild inspect bad
}
