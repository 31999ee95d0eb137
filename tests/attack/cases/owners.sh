# The supervisor that emulates owners and ids where a user has only one: whatever a RUN asks it for, it can do no more than the
# RUN itself, and a step that it cannot serve to its end is an error.

t_ways_around_the_supervisors_proc() {
    only single
    box c around <<Y
${base}RUN ["/a/around", "$CASE_DIR/beside"]
Y
    chmod 777 "$CASE_DIR/beside"
    echo "$secret" >"$CASE_DIR/beside/canary"
    fingerprint >"$CASE_DIR/before"
    attack c
    same "$status" 0
    held tried
    [ -z "$(getfattr -d "$CASE_DIR/beside/canary" 2>/dev/null)" ] || die "an attribute was set"
}
