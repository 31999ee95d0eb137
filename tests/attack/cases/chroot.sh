# Where RUN has no namespaces, and a directory and the lack of rights are all there is: cbuild itself is in a container here, as
# root, as Docker and a Kubernetes pod give it to CI jobs. The store is on a volume.

# From now on, $CBUILD is in that place, with secrets of the pod in its environment and in files, and the container's own root is
# to stay as it is.
builder_in() { # builder_in PLACE
    only root
    real=$CBUILD
    cat >"$CASE_DIR/in-place" <<X
#!/bin/sh
export POD_TOKEN=$secret
"$E2E_HERE/../tools/container" $1 -b "$CASE_DIR" -b "$ATTACK_TOOLS" -c "$CASE_DIR/changed" -- sh -c 'umask 22
    mkdir -p /var/run/secrets/pod && echo $secret | tee /var/run/secrets/pod/token >/etc/pod-token; "\$@"' sh "$real" "\$@"
status=\$?
[ ! -e "$CASE_DIR/unchanged" ] || diff "$CASE_DIR/unchanged" "$CASE_DIR/changed" || echo ' REACHED: the root of the container'
exit \$status
X
    chmod 755 "$CASE_DIR/in-place"
    rm -f "$CASE_DIR/unchanged"
    CBUILD=$CASE_DIR/in-place
    "$CBUILD" images >in-place.log 2>&1 || { [ $? != 77 ] || skip "this machine cannot give a container"; die "$(cat in-place.log)"; }
    mv "$CASE_DIR/changed" "$CASE_DIR/unchanged"
}

# All that a RUN can try by itself, as root and as another user, with the rights that Docker gives and with none; the paths of the
# outside; and what the pod keeps secret.
t_escapes() {
    builder_in docker
    box c escape <<Y
${base}RUN /a/escape /proc/1/environ /proc/self/root /sys/kernel /var/run/secrets/pod/token /etc/pod-token $CBUILD_ROOT/format \
 $CASE_DIR/beside/text /../../../../../../../..$CASE_DIR/beside/text && env && cat /etc/hosts
USER 1000
RUN /a/escape /var/run/secrets/pod/token $CASE_DIR/beside/text; env
Y
    attack c
    [ "$status" = 0 ] || die "$out"
    has "$out" "works in a chroot"
    held "nothing is open" "chroot: EPERM" "mknod: EPERM" "mount proc: EPERM" "bind: EPERM" "unshare: EPERM" "processes" \
        "/var/run/secrets/pod/token: ENOENT" "$CBUILD_ROOT/format: ENOENT" "/proc/1/environ: ENOENT"
}

# Links that a step leaves where the next one has its mounts and its directory: they lead to the same path in its own tree.
t_links_at_targets() {
    builder_in docker
    box c <<Y
${base}RUN mkdir /m && for name in cache tmpfs secret bind dir; do ln -s $CASE_DIR/beside /m/\$name; done; ln -s ../../../../../..$CASE_DIR/beside /up
RUN --mount=type=cache,target=/m/cache --mount=type=secret,id=s,target=/m/secret/text --mount=type=tmpfs,target=/up/tmpfs \
 --mount=type=bind,source=a/say,target=/m/bind/run touch /m/cache/made /up/tmpfs/made; ls -lR /m/cache/ /up/; true
WORKDIR /m/dir/deep
RUN touch made; pwd
RUN rm -rf /etc /dev /m && ln -s $CASE_DIR/beside /etc && ln -s $CASE_DIR/beside /dev; true
RUN --mount=type=secret,id=s,target=/etc/text echo x >/etc/run; true
Y
    echo s >s
    attack --secret id=s,src=s c
    has "$out" "/beside/deep"
}

# What does not end with its command: none of it holds a lock when the next step looks.
t_processes_left_behind() {
    builder_in kubernetes-default
    # shellcheck source=/dev/null
    . "$E2E_SUITE/cases/outlive.sh"
    left_behind subreaper main-thread-ends
}
