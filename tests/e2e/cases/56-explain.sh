# Why a step runs: the line behind it, `cbuild explain`, --dry-run.

# The base, then: a COPY, a RUN that uses an ARG, a RUN on it.
example() {
    context c <<X
${base}ARG VERSION=1
COPY src /src
RUN cat /src/* > /all; echo \$VERSION
RUN wc /all
X
    mkdir c/src
    for i in 1 2 3; do echo $i >c/src/f$i; done
    cbuild c 2>log
    hasnt "$(cat log)" "ran:"
}

t_causes_are_named() {
    example
    echo new >>c/src/f2
    cbuild c 2>log
    has "$(cat log)" "ran: src/f2 changed"
    has "$(cat log)" "COPY src /src gave another result"
    cbuild --build-arg VERSION=2 c 2>log
    has "$(cat log)" "ran: ARG VERSION changed"
    sed -i 's/wc/wc -l/' c/Dockerfile
    cbuild c 2>log
    has "$(cat log)" "ran: the command changed"
    rm c/src/f1
    echo 4 >c/src/f4
    cbuild --progress=rawjson c 2>log
    has "$(cat log)" '"why":"src/f4 added (+1 more)"'
    cbuild --no-cache c 2>log
    hasnt "$(cat log)" "ran:"
}

t_files_are_named_in_large_contexts() {
    example
    for i in $(seq 1 400); do echo "$i" >"c/src/n$i"; done
    cbuild c 2>log
    has "$(cat log)" "added (+399 more)"
    echo new >c/src/n77
    cbuild explain c >out
    has "$(cat out)" "src/n77 changed ("
    cbuild c 2>log
    has "$(cat log)" "ran: src/n77 changed"
    rm c/src/n9
    cbuild c 2>log
    has "$(cat log)" "ran: /src/n9 removed"
}

t_explain_executes_nothing() {
    example
    before=$(cd "$CBUILD_ROOT" && find layers records | sort)
    cbuild explain c >out
    has "$(cat out)" "0 steps would run"
    echo new >>c/src/f2
    touch iid
    cbuild explain --iidfile iid -t app:9 c >out
    has "$(cat out)" "RUNS        [3/5] COPY src /src"
    has "$(cat out)" "src/f2 changed ("
    has "$(cat out)" "MAY RUN     [4/5] RUN"
    has "$(cat out)" "1 step would run, 2 may, 2 cached"
    cbuild --dry-run --json c 2>/dev/null && die "an option of explain is taken"
    cbuild explain --json c >json
    python3 -c 'import json, sys
steps = json.load(open("json"))
assert [s["fate"] for s in steps][-3:] == ["runs", "open", "open"], steps
assert steps[-3]["differences"][0]["input"] == "src/f2", steps'
    cbuild --dry-run --no-cache c >out
    has "$(cat out)" "--no-cache"
    same "$before" "$(cd "$CBUILD_ROOT" && find layers records | sort)"
    [ -e iid ] || die "explain removed the file of an earlier build"
    hasnt "$(cbuild images)" app:9
    cbuild c 2>/dev/null
    cbuild explain c >out
    has "$(cat out)" "last made because src/f2 changed"
}

t_what_is_not_needed_is_not_explained() {
    context c <<X
FROM scratch AS other
COPY Dockerfile /d
FROM scratch
COPY --from=other /d /d
X
    cbuild c 2>log
    cbuild explain c >out
    hasnt "$(cat out)" "[other 1/1]"
    has "$(cat out)" "0 steps would run, 1 cached"
}

t_keyed_secrets_are_causes() {
    context c <<X
${base}RUN --mount=type=secret,id=token cat /run/secrets/token >/dev/null
X
    one() { TOKEN=$1 cbuild --secret "id=token,env=TOKEN$2" c 2>log; }
    one first ""
    one second ""
    hasnt "$(cat log)" "ran:"
    one first ,keyed
    has "$(cat log)" "ran: secret token added"
    one second ,keyed=true
    has "$(cat log)" "ran: secret token changed"
    one first ,keyed
    hasnt "$(cat log)" "ran:"
    cbuild --secret id=token,env=TOKEN,keyed=maybe c 2>log && die "keyed=maybe is taken"
    has "$(cat log)" "expected true or false, not 'maybe'"
}

t_modes_can_be_ignored() {
    context c <<X
FROM scratch
COPY src /src
X
    mkdir c/src
    echo 1 >c/src/f
    chmod 755 c/src
    chmod 644 c/src/f
    cp -a c d
    chmod 660 d/src/f
    chmod 770 d/src
    export SOURCE_DATE_EPOCH=1
    cbuild --iidfile plain c 2>log
    cbuild --cache-ignore=mode --iidfile odd d 2>log
    hasnt "$(cat log)" "ran:"
    CBUILD_ROOT=$CASE_DIR/store2
    cbuild --cache-ignore=mode --iidfile fresh d 2>log
    same "$(cat plain plain)" "$(cat odd fresh)"
    cbuild --dry-run d >out
    has "$(cat out)" "--cache-ignore removed"
}
