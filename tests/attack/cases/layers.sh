# Layers that a hostile registry or archive gives: what is in them stays in the store, which is the builder's alone.

# An image of these layers of hostiletar.py as the named context `evil`, and a build on it; the Dockerfile comes from standard
# input.
on() { # on KIND…
    rm -rf lay lay.*.tar c
    tars=
    for kind in "$@"; do
        python3 "$E2E_SUITE/hostiletar.py" "$kind" "lay.$kind.tar" "$CASE_DIR/beside"
        tars="$tars lay.$kind.tar"
    done
    # shellcheck disable=SC2086
    oci layout lay $tars
    box c tries attribute <<Y
FROM evil
COPY --from=tools / /
COPY a/ /a/
$(cat)
Y
    attack --build-context evil=oci-layout://"$PWD/lay" c
}
private() { # the store is what keeps other users of the machine from what layers hold
    same "$(stat -c %a "$CBUILD_ROOT")" 700
}

# Where nodes cannot be made a layer has an empty file in their place.
opens='o() { for f; do if [ -c $f ] || [ -b $f ]; then /a/tries read $f; fi; done; }; o'

# Whose a file is a tar's header says, and no attribute. (An unknown one of security.* the kernel lets nobody copy up.)
t_forged_owners_in_layers() {
    on forged <<Y
RUN stat -c '%F %u:%g' /forged* | sort | uniq -c | while read -r n what; do /a/say held "\$n \$what"; done; chown 7:8 /forged-[!3]
RUN stat -c '%F %u:%g' /forged-[!3] | sort | uniq -c | while read -r n what; do /a/say held "then \$n \$what"; done
Y
    same "$status" 0
    held "5 directory 0:0" "5 regular file 5:6" "then 4 regular file 7:8"
}

# The whole disk by a node in an image: as root the layer has real ones. Nothing opens them: not RUN, not a mount of them,
# not COPY; and they are the store's alone.
t_devices_in_layers() {
    on devices <<Y
RUN $opens /n/*; /a/say held devices
RUN --mount=from=evil,target=/m $opens /m/n/*; /a/say held mounted
RUN --mount=from=evil,target=/m,rw $opens /m/n/*
RUN --mount=type=cache,from=evil,target=/m $opens /m/n/*
RUN cp -a /n /copy 2>/dev/null; $opens /copy/*
RUN ln /n/disk /dev/shm/x 2>/dev/null; ln /n/disk /linked 2>/dev/null; $opens /linked /dev/shm/x
Y
    [ "$status" = 0 ] || die "$out"
    held devices mounted
    [ "$E2E_USER:$E2E_RUNG" != root:root ] || held "read /n/mem" "read /m/n/disk" # elsewhere nodes are in the index alone
    private
}

# A set-uid root program in a layer would make its user root of the host, if another user could get at it: the store is
# 0700, as are the directories on the way.
t_setid_programs() {
    on setid <<Y
RUN ls -ln /suid-0 && /a/say held setid
Y
    [ "$status" = 0 ] || die "$out"
    held setid
    private
    found=$(find "$CBUILD_ROOT" -maxdepth 1 -mindepth 1 -perm -o=w 2>/dev/null)
    same "$found" ""
    if [ "$E2E_USER" = root ]; then
        ! runuser -u nobody -- ls "$CBUILD_ROOT" 2>/dev/null || die "others can read the store"
        ! runuser -u nobody -- stat "$(find "$CBUILD_ROOT/layers" -name suid-0)" 2>/dev/null || die "others get at a set-uid program"
    fi
}

# Not `cache reset`: the canary in there is no part of a store.
empty_store() {
    "$CBUILD" images -q | while read -r id; do "$CBUILD" rmi --force "$id"; done
    "$CBUILD" prune --all
}

# Owners outside every range, modes that shut the builder out or have every bit, capabilities of files, labels: unpacked as
# far as it may be, and gone when they are pruned.
t_owners_modes_and_attributes() {
    for kind in owners modes capabilities xattrs names; do
        on $kind <<Y
RUN ls -lnR / >/list 2>&1; cat /marker
Y
        [ "$status" = 0 ] || has "$out" "ERROR: "
        empty_store >prune.log 2>&1 || die "$kind: $(cat prune.log)"
        same "$kind: $(ls "$CBUILD_ROOT/layers" | wc -l)" "$kind: 0"
    done
}

# overlay's own attributes in a layer (redirect, metacopy) would show directories of the host in place of the layer's.
t_attributes_of_overlay() {
    on overlay <<Y
RUN ls -R /r-* /o-* 2>&1; cat /r-*/text /m-* /r-*/* 2>/dev/null; echo x >>/m-user; ls -ln /m-*; /a/say held overlay
RUN for p in trusted.overlay. user.overlay. user.overlay.overlay.; do mkdir -p /d; echo >/f; \
 for n in redirect metacopy opaque whiteout origin; do /a/attribute /d \${p}\$n $CASE_DIR/beside; /a/attribute /f \${p}\$n $CASE_DIR/beside/text; done; done
RUN ls -R /d; cat /d/text /d/* /f 2>/dev/null; echo x >>/f; mv /d /e; ls /e; /a/say held attributes
Y
    [ "$status" = 0 ] || has "$out" "ERROR: "
    [ "$status" = 1 ] || held overlay
}

# The classics of archives: names that lead through links out of the layer; an opaque mark behind a link to / (a null
# pointer once); hard links to links; pipes where something is read; a name for every inode; a file larger than any disk.
t_links_opaque_marks_and_pipes() {
    for kind in links opaque parents fifo case sparse; do
        on $kind <<Y
RUN ["/bin/busybox", "true"]
RUN ["/bin/busybox", "find", "/", "-xdev"]
Y
        [ "$status" = 0 ] || has "$(tail -n 1 attack.out)" "ERROR: " # after megabytes of /sys
    done
}
t_seventy_thousand_names() {
    only root
    on many-links <<Y
RUN ["/bin/busybox", "true"]
Y
    [ "$status" = 0 ] || has "$out" "ERROR: "
}

# The same by ADD of an archive, and by COPY --from.
t_archives_of_the_context() {
    box c <<Y
FROM scratch
COPY --from=tools / /
$(for kind in devices owners modes overlay links opaque parents fifo sparse setid; do echo "ADD $kind.tar /x/$kind/"; done)
Y
    for kind in devices owners modes overlay links opaque parents fifo sparse setid; do
        python3 "$E2E_SUITE/hostiletar.py" $kind "c/$kind.tar" "$CASE_DIR/beside"
        sed "/^ADD/{/ $kind.tar/!d}" c/Dockerfile >one
        attack -f one c
        [ "$status" = 0 ] || has "$out" "ERROR: "
    done
}

# A device 0:0 is overlay's whiteout: on disk it hides what is below, where the index says that it is there.
t_devices_that_are_whiteouts() {
    for line in 'ADD hiding.tar /' 'ADD hiding.tar /x/' 'COPY nodes/passwd /etc/' 'COPY nodes /etc/' 'RUN --mount=type=bind,source=nodes,target=/m ls /m'; do
        box c <<Y
${base}RUN mkdir -p /etc && echo here >/etc/passwd
$line
RUN ["/bin/busybox", "cat", "/etc/passwd"]
Y
        python3 "$E2E_SUITE/hostiletar.py" hiding c/hiding.tar
        mkdir -p c/nodes
        case $E2E_USER:$line in
        root:*nodes*) [ -e c/nodes/passwd ] || mknod c/nodes/passwd c 0 0 ;;
        *:*nodes*) continue ;;
        esac
        refused c
        has "$out" "is a device 0:0, which would hide what is below"
    done
}

# A step's own layer may hold what RUN can make: whiteouts by hand, set-uid programs, files of every mode. What comes out is
# what an overlay of it shows.
t_whiteouts_made_by_hand() {
    box c tries <<Y
${base}RUN mkdir /d && echo one >/d/one && echo two >/d/two && chmod 0 /d && mkdir /e && echo x >/e/.wh.y && echo x >/e/.wh..wh..opq || true
RUN mknod /d/one c 0 0; rm /d/two; mknod /d/two c 0 0; mknod /w c 0 0; ls -l /d /w; true
RUN ls -l /d /e /w; mkfifo /p; chmod 7777 /p; touch "\$(printf 'n\nl')"
Y
    attack c
    [ "$status" = 0 ] || has "$out" "ERROR: "
    empty_store >/dev/null 2>&1 || die "prune fails"
}

# Layers are shared by content ID: whoever makes the same layer gets the directory that the first one made. What is in it
# beside what the ID is of is what one project gives to another. The first build is the attacker's, the second one the
# victim's, on one store.
gift() { # gift DOCKERFILE VICTIM
    for side in attacker victim; do
        box $side carries access attribute flags </dev/null
        for name in evil mine; do
            echo $name >$side/$name
            touch -d 2020-01-01 $side/$name
        done
        echo good >$side/tool
    done
    printf '%s' "$base$1" >attacker/Dockerfile
    printf '%s' "$base$2" >victim/Dockerfile
    attack attacker
    same "$status" 0
    finished
    attack victim
    same "$status" 0
    held gift
}

# A directory that was removed and made again hides what is below it. Of what was put back as it was nothing is in the index,
# but it was there; and what the victim has there vanished.
t_gift_of_a_replaced_directory() {
    replaced='COPY evil /opt/x/evil
RUN cp -p /opt/x/evil /e && rm -rf /opt/x && mkdir /opt/x && mv /e /opt/x/evil && echo good >/opt/x/tool
'
    look='RUN [ ! -e /opt/x/evil ] || /a/say reached evil; [ "$(cat /opt/x/mine)" = mine ] || /a/say reached hidden; /a/say held gift
'
    gift "$replaced" "COPY mine /opt/x/mine
RUN echo good >/opt/x/tool
$look"
    gift "$replaced" "COPY mine /opt/x/mine
COPY tool /opt/x/tool
$look"
}
# Some kernels mark every new directory so, in settings that cbuild does not use.
t_gift_of_a_new_directory() {
    gift 'RUN mkdir -m 700 /app
' 'COPY mine /app/mine
RUN chmod 700 /app
RUN [ -e /app/mine ] || /a/say reached hidden; /a/say held gift
'
}
# Below a directory that hides: whatever depth, whatever was put back.
t_gift_from_deep_below() {
    gift 'COPY evil /opt/x/y/z/evil
COPY mine /opt/x/y/gone
RUN cp -a /opt/x/y /y && rm -rf /opt && mkdir -p /opt/x/y/z && mv /y/z/evil /opt/x/y/z/evil && rm -rf /y && echo good >/opt/x/y/z/tool
' 'COPY mine /opt/x/y/gone
COPY mine /opt/x/y/z/mine
RUN rm /opt/x/y/gone && echo good >/opt/x/y/z/tool
RUN [ ! -e /opt/x/y/z/evil ] || /a/say reached evil; [ -e /opt/x/y/z/mine ] || /a/say reached hidden; /a/say held gift
'
}
# The root is in no index: a step that changes nothing else makes the empty layer, which is everybody's.
t_gift_of_the_root() {
    gift 'RUN chmod 1700 / && /a/attribute / user.note x; chown 1000:1000 /; /a/access default /; true
' 'RUN true
RUN echo >/new; [ "$(stat -c "%a %u:%g" /) $(stat -c %a /new)" = "755 0:0 644" ] || /a/say reached root; /a/carries / /new; /a/say held gift
'
}
# Access lists, attributes of users and what else no index holds.
t_gift_of_attributes() {
    gift 'RUN mkdir /app && /a/access default /app && /a/attribute /app user.note x
RUN echo x >/pw && chmod 664 /pw && /a/access access /pw && /a/attribute /pw user.note x && chmod 664 /pw
' 'RUN mkdir /app
RUN echo x >/pw && chmod 664 /pw
RUN umask 077; echo >/app/f; [ "$(stat -c %a /app/f)" = 600 ] || /a/say reached umask; /a/carries /app /pw; /a/say held gift
'
}
# Flags of an inode, and a label where no policy forbids a step to set it.
t_gift_of_flags_and_labels() {
    gift 'RUN mkdir /app && /a/flags /app && /a/attribute /app security.selinux evil
RUN echo x >/pw && /a/flags /pw && /a/attribute /pw security.selinux evil
' 'RUN mkdir /app
RUN echo x >/pw
RUN /a/carries /app /pw; /a/say held gift
'
}
# The store lies where somebody hands down an access list and a group.
t_store_below_an_access_list() {
    box c carries <<Y
${base}RUN umask 022; echo >/f; mkdir /d; [ "\$(stat -c %a%g /f /d | tr '\n' ' ')" = "6440 7550 " ] || /a/say reached umask; /a/carries / /f /d /a; /a/say held list
Y
    mkdir below
    [ "$E2E_USER" != root ] || chgrp 1 below
    chmod 2755 below
    python3 -c 'import os, struct; os.setxattr("below", "system.posix_acl_default", struct.pack("<I", 2) + b"".join(struct.pack("<HHI", t, 7, 0xffffffff) for t in (1, 4, 32)))'
    CBUILD_ROOT=$PWD/below/store
    attack c
    same "$status" 0
    held list
    finished
    "$CBUILD" cache reset --force >/dev/null
}
