# What is different where less is allowed, and how it is said.

# All capabilities of a user namespace are worth nothing there when it has one id and setgroups(2) is denied.
t_uid_0_that_is_not_root() {
    context c <<X
${base}RUN id -u > /id && touch /f
USER 5
X
    unshare -Ur "$CBUILD" -o type=tar,dest=root.tar c 2>log || die "$(cat log)"
    has "$(cat log)" "has one id only, as 'unshare -r' makes it"
    same "$(tar -xOf root.tar id)" 0
    echo 'RUN true' >>c/Dockerfile
    fails 1 unshare -Ur "$CBUILD" c
    has "$out" "become user '5' (5:0): Invalid argument"
    has "$out" "only uid 0 and gid 0 exist here: the user namespace that cbuild was started in has one id only"
}

# One that has more is as good as root.
t_uid_0_of_a_namespace_with_ids() {
    only range
    context c <<X
${base}RUN touch /f && chown 7:8 /f
USER 9:10
RUN id -u
X
    unshare -U --map-root-user --map-auto "$CBUILD" --progress=plain c 2>log || die "$(cat log)"
    hasnt "$(cat log)" note:
}
