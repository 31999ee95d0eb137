# `cbuild cache bench`: a small history, replayed.

# The history of a project in ./p: six commits, of which one changes what the slow step needs.
history() {
    context p <<X
FROM scratch AS base
COPY busybox /bin/busybox
RUN ["/bin/busybox", "--install", "-s", "/bin"]
FROM base AS build
ARG REV
COPY . /src
RUN cat /src/requirements.txt > /deps; i=0; while [ \$i -lt 4000 ]; do i=\$((i+1)); done
RUN cat /src/main.c > /app
FROM base
COPY --from=build /deps /app /
X
    echo lib1 >p/requirements.txt
    echo 'int main;' >p/main.c
    echo hi >p/README.md
    printf '[user]\n\tname = n\n\temail = n@example.com\n' >gitconfig
    export GIT_CONFIG_GLOBAL="$PWD/gitconfig"
    git -C p init -q
    commit '<b>"first"</b>'
    echo 'int x;' >>p/main.c
    commit main
    echo more >>p/README.md
    commit readme
    echo lib2 >>p/requirements.txt
    commit library
    sed -i 's/^RUN cat .src.main.c.*/RUN false/' p/Dockerfile
    commit broken
    git -C p checkout -q HEAD~1 -- Dockerfile
    echo 'int y;' >>p/main.c
    commit mended
}
commit() {
    git -C p add .
    git -C p commit -qm "$1"
}
# Whatever its repository has configured, none of it is run by a replay.
boobytrap() {
    cat >>p/.git/config <<X
[core]
    fsmonitor = touch $PWD/trapped
    hooksPath = $PWD/hooks
[filter "x"]
    smudge = touch $PWD/trapped; cat
X
    mkdir hooks
    printf '#!/bin/sh\ntouch "%s/trapped"\n' "$PWD" >hooks/post-checkout
    cp hooks/post-checkout hooks/post-index-change
    chmod +x hooks/*
    echo '* filter=x' >p/.git/info/attributes
}

t_a_history_is_replayed() {
    only range
    history
    boobytrap
    mkdir p/sub
    touch p/sub/file
    git -C p -c core.hooksPath=/dev/null -c core.fsmonitor=false add sub
    echo mine >p/main.c # not committed: neither seen nor touched
    rm -f trapped
    before=$(find p -type f -exec cksum {} + | sort)
    (cd p && cbuild cache bench --git HEAD --json ../r.json -- --build-arg 'REV={short}' . >../out 2>../log)
    same "$before" "$(find p -type f -exec cksum {} + | sort)"
    [ ! -e trapped ] || die "git ran what the repository says"
    has "$(cat log)" '[1/6]'
    has "$(cat out)" '<b>"first"</b>'
    has "$(cat out)" 'failed: '
    python3 - <<'X'
import json
r = json.load(open("r.json"))
assert [b["subject"] for b in r["builds"]][1:] == ["main", "readme", "library", "broken", "mended"], r
assert [b["subject"] for b in r["builds"] if "error" in b] == ["broken"], r
steps = {(s["stage"], " ".join(s["text"].split()[:3])): s for s in r["steps"]}
install, deps, copy = steps["base", 'RUN ["/bin/busybox", "--install",'], steps["build", "RUN cat /src/requirements.txt"], steps["build", "COPY . /src"]
assert install["hits"] == 5 and install["misses"] == 0 and install["saved"] > 0, install
assert copy["misses"] == 5 and copy["causes"]["files"] == 5, copy
assert deps["misses"] == 5 and deps["spent"] > 0 and sum(deps["causes"].values()) == 5, deps
whole = r["whole"]
assert whole["failed"] == 1 and abs(whole["without"] - whole["spent"] - whole["saved"]) < 0.001, whole
assert sum(s["hits"] for s in r["steps"]) == whole["hits"] and 0 < whole["hitRate"] < 1, whole
assert r["builds"][0]["steps"][0]["bytes"] > 100000, r["builds"][0]
X
    [ ! -e "$CBUILD_ROOT" ] || die "the user's store was used"
    same "$(cd .. && echo *)" "home log runtime w"
}

bench() { # in the repository
    (cd p && cbuild cache bench "$@")
}

t_what_cannot_be_replayed() {
    only range
    history
    fails 2 bench -- .
    has "$out" "--git RANGE"
    fails 1 bench --git no-such -- .
    has "$out" "no-such"
    fails 2 bench --git --exec=x -- .
    fails 2 bench --git HEAD
    has "$out" "behind '--'"
    for option in '-t x:1' '--push' '-o d' '--iidfile f' '--dry-run' '--progress=plain'; do
        # shellcheck disable=SC2086 # words
        fails 2 bench --git HEAD -- $option .
    done
    fails 2 bench --git HEAD -- "$PWD"
    has "$out" "not a directory of the history"
    fails 2 bench --git HEAD -- ..
    has "$out" "outside"
    fails 1 cbuild cache bench --git HEAD -- .
    has "$out" "in the repository of the project"
    mkdir bin
    PATH="$PWD/bin" fails 1 bench --git HEAD -- .
    has "$out" "apt-get install git"
}

t_a_replay_that_is_ended_leaves_nothing() {
    only range
    history
    (cd p && exec "$CBUILD" cache bench --git HEAD -- . >/dev/null 2>../log) &
    pid=$!
    wait_for 20 grep -q '1/6' log
    kill -TERM $pid
    status=0
    wait $pid || status=$?
    same $status 143
    same "$(cd .. && echo *)" "home log runtime w"
    mkdir -p ../store.replay.killed/tree ../store.replay.used ../store.replay # of one that was killed, of one that works, none
    flock -F ../store.replay.used sleep 100 &
    pid=$!
    wait_for 5 sh -c '! flock -n ../store.replay.used true'
    bench --git HEAD~1..HEAD -- . >/dev/null 2>&1
    kill $pid
    same "$(cd .. && echo store*)" "store.replay store.replay.used"
    rm -rf ../store.replay*
}

# The same steps with another builder; its RUN needs no more than a chroot there.
t_against_buildah() {
    only root
    needs buildah
    history
    export BUILDAH_ISOLATION=chroot STORAGE_DRIVER=vfs
    bench --git HEAD~2..HEAD --every 2 --against buildah --json ../r.json -- . >out 2>/dev/null
    has "$(cat out)" "buildah"
    python3 - <<'X'
import json
r = json.load(open("r.json"))
assert r["peer"] == "buildah" and len(r["builds"]) == 1, r
assert r["builds"][0]["peerSeconds"] > 0 and "peerError" not in r["builds"][0], r["builds"][0]
X
    same "$(cd .. && echo *)" "home log runtime w"
    fails 2 bench --git HEAD --against kaniko -- .
    has "$out" "buildah|docker|buildkit"
    mkdir bin
    ln -s "$(command -v git)" bin/git
    PATH="$PWD/bin" fails 1 bench --git HEAD --against buildah -- .
    has "$out" "apt-get install buildah"
}

# The page in a browser, without a network: what its script has drawn.
t_the_page_draws_itself() {
    only single
    needs chromium
    context p <<X
${base}COPY . /src
RUN cat /src/f > /g
X
    echo 1 >p/f
    export GIT_CONFIG_GLOBAL="$PWD/gitconfig"
    printf '[user]\n\tname = n\n\temail = n@example.com\n' >gitconfig
    git -C p init -q
    commit '</script><script>document.title = "trapped"</script>'
    echo 2 >p/f
    commit second
    bench --git HEAD --html - -- . >page.html 2>/dev/null
    chromium --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --user-data-dir="$PWD/profile" \
        --host-resolver-rules='MAP * ~NOTFOUND' --window-size=1100,900 --screenshot="$PWD/shot.png" --dump-dom \
        "file://$PWD/page.html" >dom.html 2>browser.log || { cat browser.log; die "chromium failed"; }
    python3 - <<'X'
import html.parser, struct, zlib
class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.seen, self.body, self.rows, self.width = {}, {}, 0, 0
    def handle_starttag(self, tag, attributes):
        a = dict(attributes)
        self.rows += tag == "tr"
        if tag == "body":
            self.body = a
        for word in (a.get("class") or "").split():
            self.seen[word] = self.seen.get(word, 0) + 1
page = Page()
dom = open("dom.html").read()
page.feed(dom)
assert page.body.get("data-drawn") == "yes", page.body
assert page.seen["cell"] == 4 * 2 and page.seen["column"] == 2 * 2 and page.seen["figure"] == 4, page.seen
assert page.rows == 1 + 4 + 1 + 2, page.rows
assert "NaN" not in dom.split("</script>")[-1] and "undefined" not in dom.split('<script type')[0], "what is drawn has no number"
assert "<title>What the cache was worth</title>" in dom, "a subject became a script"
shot = open("shot.png", "rb").read()
assert struct.unpack(">II", shot[16:24])[0] == 1100, shot[:30]
at, data = 8, b""
while at < len(shot):
    n, kind = struct.unpack(">I4s", shot[at:at + 8])
    data += shot[at + 8:at + 8 + n] if kind == b"IDAT" else b""
    at += 12 + n
assert len(set(zlib.decompress(data))) > 100, "the picture is empty"
X
}

# A Dockerfile with three things to be said about it, of which one helps only together with another, and one that only seems so.
t_advice_is_checked() {
    only root
    context p <<X
FROM scratch AS base
COPY busybox /bin/busybox
RUN ["/bin/busybox", "--install", "-s", "/bin"]
FROM base AS build
ARG REV
COPY . /src
# what the program stands on
RUN i=0; while [ \$i -lt 4000 ]; do i=\$((i+1)); done; cat /src/requirements.txt > /deps
RUN i=0; while [ \$i -lt 2000 ]; do i=\$((i+1)); done; cat /src/m*.c > /app && cat /proc/sys/kernel/random/uuid > /when
FROM base
COPY --from=build /deps /app /when /
COPY . /doc
X
    cp p/Dockerfile before
    echo lib1 >p/requirements.txt
    echo 'int main;' >p/main.c
    echo hi >p/README.md
    export GIT_CONFIG_GLOBAL="$PWD/gitconfig"
    printf '[user]\n\tname = n\n\temail = n@example.com\n' >gitconfig
    git -C p init -q
    commit first
    echo 'int x;' >>p/main.c
    commit main
    echo more >>p/README.md
    commit readme
    (cd p && cbuild cache advise --git HEAD --write ../better --json ../advice.json -- --build-arg 'REV={commit}' . >../out 2>../log) ||
        { cat log && die "no advice"; }
    python3 - <<'X'
import json
r = json.load(open("advice.json"))
kinds = {a["kind"]: a for a in r["advice"]}
for kind in ("copy-less-first", "ignore"):
    assert kinds[kind]["outcome"] == "proved" and 0 < kinds[kind]["saved"] < r["spent"], r
late = kinds["declare-late"]
assert late["outcome"] == "proved" and late["saved"] == 0 and "nothing by itself" in late["why"], r
assert kinds["copy-less-first"]["files"] == ["requirements.txt"], r
assert "doc/README.md" in kinds["ignore"]["why"], r
assert kinds["run-first"]["outcome"] == "dropped" and "cannot be built so" in kinds["run-first"]["why"], r
assert r["dockerfile"] == open("better").read() and r["ignore"] == open("better.dockerignore").read() == "**/*.md\n", r
X
    has "$(cat out)" "all 3 builds give the same files in the end, but for those named above"
    has "$(cat out)" "Not compared: 1 file that is different"
    has "$(cat out)" "+COPY requirements.txt /src/"
    same "$(sed -n '/^FROM base AS/,/^FROM base$/p' better | cut -d' ' -f1-3)" "FROM base AS
COPY requirements.txt /src/
# what the
RUN i=0; while
COPY . /src
RUN i=0; while
ARG REV
FROM base"
    same "$(cat p/Dockerfile)" "$(cat before)"
    same "$(cd .. && echo *)" "home log runtime w"
    echo '{"version":1,"range":"HEAD","every":1,"steps":[],"builds":[{"commit":"1","steps":[]}]}' >other.json
    (cd p && fails 2 cbuild cache advise --from ../other.json -- . && has "$out" "other commits")
    (cd p && fails 2 cbuild cache advise --from ../other.json --git HEAD -- . && has "$out" "do not go with it")
    (cd p && fails 1 cbuild cache advise --from ../before -- .)
}
