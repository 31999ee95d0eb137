# What a step leaves becomes its layer: every kind of change, nothing else.

t_deletions() {
    context c <<X
${base}RUN mkdir -p /d/sub /keep && touch /d/a /d/b /d/sub/c /top
RUN rm /d/a && rm -rf /d/sub && rm /top
X
    archive c
    same "$(last_layer | sort)" "- .wh.top
- d/.wh.a
- d/.wh.sub
d d"
    rootfs c
    same "$(cd root && find d keep top 2>/dev/null | sort | tr '\n' ' ')" "d d/b keep "
}

t_whiteouts_of_nothing() {
    context c <<X
${base}RUN mkdir /d && touch /d/x
RUN touch /new && rm /new && mkdir /tmpdir && rm -r /tmpdir && touch /d/y && rm /d/y && echo 1 > /one
X
    archive c
    hasnt "$(last_layer)" .wh.
    has "$(last_layer)" "- one"
    hasnt "$(last_layer)" new
    hasnt "$(last_layer)" tmpdir
}

t_replaced_directory() {
    context c <<X
${base}RUN mkdir -p /d/sub && touch /d/old /d/sub/older
RUN rm -rf /d && mkdir /d && touch /d/new
X
    archive c
    has "$(last_layer)" "- d/new"
    hasnt "$(last_layer)" older
    rootfs c
    same "$(cd root && find d | sort | tr '\n' ' ')" "d d/new "
}

t_file_to_directory_and_back() {
    context c <<X
${base}RUN touch /f && mkdir -p /d/e && touch /d/e/x && ln -s f /l
RUN rm /f && mkdir /f && touch /f/in && rm -rf /d && touch /d && rm /l && mkdir /l
X
    archive c
    has "$(last_layer)" "- d"
    has "$(last_layer)" "d f"
    hasnt "$(last_layer)" "d/e"
    hasnt "$(last_layer)" .wh.
    rootfs c
    [ -f root/d ] && [ -f root/f/in ] && [ -d root/l ] && [ ! -L root/l ] || die "wrong kinds: $(ls -lR root)"
}

t_untouched_directory_is_not_in_the_layer() {
    context c <<X
${base}RUN mkdir -p /d/e && echo 1 > /d/e/f && touch /d/g
RUN cat /d/e/f > /dev/null && ls -lR /d /etc /bin > /dev/null && test -d /proc/1 && test -e /etc/hosts
X
    archive c
    same "$(last_layer)" ""
    rootfs c
    [ ! -e root/etc/hosts ] && [ ! -e root/etc/resolv.conf ] || die "mount stubs are in the image"
}

t_times_of_directories() {
    context c <<X
${base}RUN mkdir -p /d/e && touch -d '2001-02-03 04:05:06' /d/e /d
RUN touch /d/e/new && touch -d '2011-02-03 04:05:06' /d/e
RUN touch /d/e/x && rm /d/e/x
X
    archive c
    same "$(last_layer)" ""
    oci layers app.tar 3 | awk '$2 == "d" { print $3, $6, $7 }' >dirs
    has "$(cat dirs)" "0755 1296705906 d/e"
    has "$(cat dirs)" "0755 981173106 d"
}

t_hard_links() {
    context c <<X
${base}RUN mkdir /d && echo one > /d/a && ln /d/a /d/b && ln /d/a /z
RUN ln /d/a /d/c
RUN echo two >> /d/b
X
    archive c
    oci layers app.tar 2 >l2
    same "$(grep -c ' h ' l2)" 2
    rootfs c
    has "$(cat root/d/b)" two
}

t_links_of_every_kind() {
    context c <<X
${base}RUN mkdir /d && ln -s /d /abs && ln -s ../d /d/rel && ln -s nowhere /dangling && mkfifo /d/fifo && ln -s "a b	c" "/we ird"
X
    archive c
    oci layers app.tar 2 >l
    has "$(cat l)" " abs -> /d"
    has "$(cat l)" " d/rel -> ../d"
    has "$(cat l)" " dangling -> nowhere"
    has "$(grep ' p ' l)" "d/fifo"
    has "$(cat l)" 'we ird -> a b\tc'
}

t_modes_and_special_bits() {
    context c <<X
${base}RUN touch /a /b /c && chmod 4755 /a && chmod 2711 /b && chmod 0 /c && mkdir /s && chmod 1777 /s && mkdir -m 0700 /p
X
    archive c
    oci layers app.tar 2 | awk '{ print $3, $7 }' | sort -k2 >l
    same "$(cat l)" "4755 a
2711 b
0000 c
0700 p
1777 s"
}

t_names_with_any_byte() {
    context c <<'X'
FROM scratch
COPY busybox /bin/busybox
RUN ["/bin/busybox", "--install", "-s", "/bin"]
RUN mkdir /d && cd /d && for b in 001 012 033 042 047 052 077 134 177 200 303 377; do touch "$(printf "x\\${b}y")"; done && touch -- '-n' ' ' '...' "$(printf 'tr\n')z"
RUN rm "$(printf '/d/x\012y')" "$(printf '/d/x\377y')"
X
    archive c
    oci names app.tar 2 >l
    has "$(cat l)" 'd/x\ny'
    has "$(cat l)" 'd/x\udcffy'
    has "$(cat l)" 'd/x\x01y'
    same "$(grep -c . l)" 17
    has "$(last_layer)" '- d/.wh.x\ny'
    has "$(last_layer)" '- d/.wh.x\udcffy'
    rootfs c
    same "$(find root/d -mindepth 1 -printf x | wc -c)" 14
}

t_long_names_and_paths() {
    n=$(printf '%0250d' 7)
    context c <<X
${base}RUN mkdir -p /$n/$n/$n && echo deep > /$n/$n/$n/$n && ln -s /$n/$n/$n/$n /link
X
    rootfs c
    same "$(cat "root/$n/$n/$n/$n")" deep
    same "$(readlink root/link)" "/$n/$n/$n/$n"
}

t_sparse_files() {
    context c <<X
${base}RUN dd if=/dev/zero of=/sparse bs=1 count=1 seek=200000000 2>/dev/null && echo end >> /sparse
RUN tail -c 4 /sparse > /tail
X
    cbuild -t s:1 c 2>log
    blocks=$(du -sk "$CBUILD_ROOT" 2>/dev/null | cut -f1)
    [ "$blocks" -lt 60000 ] || die "the store holds $blocks KiB"
    cbuild -o type=tar,dest=- c 2>/dev/null | tar -xO tail >./tail
    same "$(cat tail)" end
}

t_mtimes() {
    context c <<X
${base}RUN touch -d '1999-12-31 23:59:59' /old && touch -d '2035-01-02 03:04:05' /future
X
    archive c
    oci layers app.tar 2 >l
    same "$(awk '/ old$/ { print $6 }' l)" 946684799
    same "$(awk '/ future$/ { print $6 }' l)" 2051319845
}

t_owners() {
    context c <<X
${base}COPY --chown=12:34 busybox /owned
X
    archive c
    has "$(oci layers app.tar 2)" " 12:34 "
    [ "$E2E_USER" != single ] || return 0
    printf 'RUN touch /x && chown 1000:2000 /x && chown -h 5 /bin/sh\nRUN stat -c %%u:%%g /x /owned > /who\n' >>c/Dockerfile
    archive c
    has "$(oci layers app.tar 3)" " 1000:2000 "
    rootfs c
    same "$(tr '\n' ' ' <root/who)" "1000:2000 12:34 "
}

# Nothing stands on the base, so its files are nowhere.
t_owner_whose_name_a_packed_base_knows() {
    context base <<X
FROM scratch
COPY passwd /etc/passwd
X
    printf 'root:x:0:0::/:\nwww:x:33:44::/:\n' >base/passwd
    archive base
    mkdir layout && tar -C layout -xf app.tar
    context c <<X
FROM base
COPY --chown=www Dockerfile /f
X
    archive --root "$PWD/other" --build-context base=oci-layout://"$PWD"/layout c
    has "$(oci layers app.tar)" " 33:44 "
}

t_capabilities_of_files() {
    needs setcap
    setcap=$(PATH=$PATH:/sbin:/usr/sbin command -v setcap)
    context c <<X
${base}COPY root/ /
RUN ["/sbin/setcap", "cap_net_raw=ep", "/bin/busybox"]
RUN ["/sbin/getcap", "/bin/busybox"]
X
    mkdir -p c/root/sbin c/root/lib64 c/root/lib/x86_64-linux-gnu
    cp "$setcap" "${setcap%setcap}getcap" c/root/sbin/
    cp /lib64/ld-linux-x86-64.so.2 c/root/lib64/
    cp /lib/x86_64-linux-gnu/libc.so.6 /lib/x86_64-linux-gnu/libcap.so.2 c/root/lib/x86_64-linux-gnu/
    archive --progress=plain c
    has "$(cat build.log)" "cap_net_raw=ep"
    # Revision 2, effective, CAP_NET_RAW (bit 13): 20 bytes, no root id of a user namespace.
    has "$(oci layers app.tar 3)" "security.capability=0100000200200000000000000000000000000000"
    # and from the packed form
    CBUILD_ROOT=$CASE_DIR/store2
    mkdir lay && tar -xf app.tar -C lay
    printf 'FROM base\nRUN ["/sbin/getcap", "/bin/busybox"]\n' >c/Dockerfile
    cbuild --progress=plain --build-context base=oci-layout://"$PWD/lay" c 2>log
    has "$(cat log)" "cap_net_raw=ep"
    cbuild cache reset --force
}

t_devices_of_a_base_image() {
    python3 - <<'X'
import tarfile
t = tarfile.open("dev.tar", "w")
for name, kind, major, minor in (("null", tarfile.CHRTYPE, 1, 3), ("loop", tarfile.BLKTYPE, 7, 9)):
    m = tarfile.TarInfo("mydev/" + name)
    m.type, m.devmajor, m.devminor, m.mode = kind, major, minor, 0o666
    t.addfile(m)
t.close()
X
    oci layout lay dev.tar
    context c <<X
FROM base
COPY new /new
X
    touch c/new
    archive --build-context base=oci-layout://"$PWD/lay" c
    oci layers app.tar 0 >l
    has "$(cat l)" "mydev/null 1,3"
    has "$(cat l)" "mydev/loop 7,9"
    printf 'FROM base\nCOPY busybox /bin/busybox\nRUN ["/bin/busybox", "rm", "-f", "/mydev/loop"]\n' >c/Dockerfile
    archive --build-context base=oci-layout://"$PWD/lay" c
    has "$(oci layers app.tar 0)" "mydev/null 1,3"
    has "$(last_layer)" "mydev/.wh.loop"
}

t_copy_layers() {
    context c <<X
FROM scratch
COPY d/ /x/y/
COPY d/f /x/y/g
X
    mkdir -p c/d/sub && echo 1 >c/d/f && ln -s f c/d/l && echo 2 >c/d/sub/h && chmod 640 c/d/f
    archive c
    same "$(oci names app.tar 0 | cut -d' ' -f2- | sort -k2)" "d x
d x/y
- x/y/f
l x/y/l
d x/y/sub
- x/y/sub/h"
    same "$(last_layer | grep -v ^d)" "- x/y/g"
    has "$(oci layers app.tar 0)" "- 0640 0:0 2 "
}

t_umoci_and_skopeo_accept_it() {
    context c <<X
${base}RUN mkdir -p /d && touch /d/a /d/b
RUN rm /d/a && rm -rf /d && mkdir /d && echo x > /d/c && ln /d/c /e
ENV A=1
CMD ["/bin/sh"]
X
    archive -t tool:1 c
    skopeo inspect oci-archive:app.tar >inspect
    same "$(jq -r '.Layers | length' inspect)" 4
    mkdir lay && tar -xf app.tar -C lay
    rootless=
    [ "$(id -u)" = 0 ] || rootless=--rootless
    name=$(jq -r '.manifests[0].annotations["org.opencontainers.image.ref.name"]' lay/index.json)
    umoci unpack $rootless --image "lay:$name" bundle
    same "$(ls bundle/rootfs/d)" c
    same "$(stat -c %h bundle/rootfs/e)" 2
}

t_layer_of_many_files() {
    context c <<X
${base}RUN mkdir /many && cd /many && for i in \$(seq 3000); do echo \$i > f\$i; done
RUN rm /many/f1* && echo changed > /many/f2
X
    archive c
    same "$(oci names app.tar 2 | wc -l)" 3001
    same "$(last_layer | grep -c 'many/.wh.f1')" 1111
    rootfs c
    same "$(ls root/many | wc -l)" 1889
    same "$(cat root/many/f2)" changed
}

# Overlay copies the file up and gives the copy both names: the old one then differs in nothing but that.
t_second_name_of_a_lower_file() {
    context c <<X
${base}RUN mkdir /a /b && echo one > /a/f && echo other > /a/alone
RUN ln /a/f /a/g && ln /a/f /b/h
RUN test "\$(stat -c %i /a/f /a/g /b/h | uniq | wc -l)" = 1
FROM scratch
COPY --from=0 /a /a
X
    head -n -2 c/Dockerfile >c/one
    archive -f c/one c
    same "$(oci names app.tar 3 | cut -d' ' -f2- | grep -v ' [ab]$' | sort)" "- a/f
h a/g
h b/h"
    rootfs c
    [ "$(stat -c %i root/a/f)" = "$(stat -c %i root/a/g)" ] || die "two files: $(ls -li root/a)"
}

# Inside everything is root's; what a RUN changes keeps the owner it has in the image all the same.
t_owner_of_what_was_copied_up() {
    context c <<X
${base}COPY --chown=33:44 d /d
RUN echo more >>/d/f && echo new >/d/g && ln /d/h /d/a
X
    mkdir c/d && echo 1 >c/d/f && echo 2 >c/d/h
    archive c
    rootfs c
    same "$(listing | awk '$6 ~ "^d/" {print $6, $2}' | sort | tr '\n' ' ')" "d/ 33/44 d/a 33/44 d/f 33/44 d/g 0/0 d/h 33/44 "
}

# The image behind a COPY --from or a bind mount is part of the key, also when no FROM names it before.
t_image_copied_from() {
    for n in 1 2; do
        echo "$n" >f
        printf 'FROM scratch\nCOPY f /f\n' >base.Dockerfile
        rm -rf lay
        cbuild -f base.Dockerfile -o type=oci,dest=lay,tar=false . 2>/dev/null
        printf 'FROM scratch\nCOPY --from=img /f /f\n' >Dockerfile
        rootfs --build-context img=oci-layout://"$PWD/lay" .
        same "$(cat root/f)" "$n"
    done
}

# A record tells by name what its step was made of, and stays small however many files there are.
t_names_in_records() {
    context c <<X
${base}ARG VERSION=1
RUN --mount=type=secret,id=s,env=S echo
COPY few /few
COPY many /many
X
    mkdir c/few c/many
    echo 1 >c/few/a
    i=0
    while [ $i -lt 1000 ]; do
        : >"c/many/a-file-with-a-long-name-$i"
        i=$((i + 1))
    done
    SECRET=hidden-value cbuild --secret id=s,env=SECRET c 2>/dev/null
    names=$(cat "$CBUILD_ROOT"/records/*/*)
    for name in command arg:VERSION env:PATH mount:s parent file:few/a files; do
        has "$names" "[\"$name\","
    done
    hasnt "$names" hidden-value
    same "$(find "$CBUILD_ROOT/records" -type f -size +4k)" ""
}

# Each step says why it was executed, or why not.
t_why() {
    context c <<X
${base}ARG V=1
RUN echo \$V >/dev/null && echo same >/f
FROM scratch
COPY --from=0 /f /f
X
    why() { # why LAST-WORDS ARGS…: the reason that the last step of that name gives
        name=$1
        shift
        cbuild --progress=rawjson "$@" c 2>&1 | jq -r --arg n "$name" '.vertexes[]? | select((.name | endswith($n)) and .why) | .why' | tail -n 1
    }
    same "$(why '/f /f')" "not in the cache"
    same "$(why '/f /f')" "same definition"
    same "$(why '/f /f' --build-arg V=2)" "same inputs"
    same "$(why '/f /f' --build-arg V=2)" "same definition"
    same "$(why '/f /f' --no-cache)" "--no-cache"
}
