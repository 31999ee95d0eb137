# What outputs make of the layers of an image.

layered() {
    context c <<X
${base}RUN mkdir /d /gone && echo 1 >/d/a && echo 2 >/d/b && ln /d/a /d/link && echo x >/gone/x
RUN rm -r /gone /d/b && echo 3 >/d/c && ln -s c /d/l && chmod 700 /d
LABEL a=b
X
}

t_squash() {
    layered
    cbuild -t many:1 -o type=image -o type=tar,dest=many.tar c 2>/dev/null
    cbuild -t one:1 --squash -o type=image -o type=oci,dest=one.oci -o type=tar,dest=one.tar c 2>/dev/null
    oci verify one.oci
    same "$(oci manifest one.oci | jq '.layers | length')" 1
    same "$(oci config one.oci | jq -c '[.history[] | .empty_layer == true]')" "[true,true,true,false,true]"
    same "$(oci config one.oci | jq -r .config.Labels.a)" b
    same "$(tar -tvf one.tar --numeric-owner --full-time)" "$(tar -tvf many.tar --numeric-owner --full-time)"
    hasnt "$(oci names one.oci 0)" .wh.
    # on a base: its layers stay, what is gone from them is a whiteout
    printf 'FROM many:1\nRUN rm /d/a && echo n >/d/new\nRUN rm /d/new && mkdir /e && rm -r /d && mkdir /d && echo z >/d/z\n' >D
    cbuild --squash -f D -o type=oci,dest=two.oci -o type=tar,dest=two.tar c 2>/dev/null
    cbuild -f D -o type=tar,dest=plain.tar c 2>/dev/null
    same "$(oci manifest two.oci | jq '.layers | length')" 5
    same "$(tar -tvf two.tar --numeric-owner --full-time)" "$(tar -tvf plain.tar --numeric-owner --full-time)"
    same "$(oci names two.oci 4 | cut -d' ' -f3 | LC_ALL=C sort | tr '\n' ' ')" "d d/.wh.a d/.wh.c d/.wh.l d/.wh.link d/z e "
    cbuild --squash-all -f D -o type=oci,dest=all.oci -o type=tar,dest=all.tar c 2>/dev/null
    same "$(oci manifest all.oci | jq '.layers | length')" 1
    same "$(tar -tvf all.tar --numeric-owner --full-time)" "$(tar -tvf plain.tar --numeric-owner --full-time)"
}

t_same_bytes_whatever_the_processors() {
    only root
    printf 'FROM scratch\nCOPY big /\n' | context c
    seq 400000 >c/big
    export SOURCE_DATE_EPOCH=0
    for kind in gzip zstd; do
        cbuild -o type=oci,dest=$kind.tar,compression=$kind c 2>/dev/null
        CBUILD_ROOT=$PWD/other taskset -c 0 "$CBUILD" -o type=oci,dest=$kind.1.tar,compression=$kind c 2>/dev/null
        same "$(oci manifest $kind.1.tar)" "$(oci manifest $kind.tar)"
        tar -xOf $kind.tar "blobs/sha256/$(oci manifest $kind.tar | jq -r '.layers[0].digest[7:]')" >blob
        $kind -dc <blob | tar -xO big | cmp - c/big
    done
}
