# SOURCE_DATE_EPOCH as the name of a stage that is one download.
# shellcheck source=../remote.sh
. "$E2E_HERE/remote.sh"

epoch_of() { # epoch_of LINES…: builds, prints what ARG sees
    mkdir -p empty
    printf 'ARG SOURCE_DATE_EPOCH=src\nFROM scratch AS src\n%s\nFROM scratch\nARG SOURCE_DATE_EPOCH\nLABEL e=$SOURCE_DATE_EPOCH\n' "$1" >D
    cbuild -t epoch -f D empty 2>log || { cat log >&2; die "build failed"; }
    cbuild inspect epoch | grep -o '"e": *"[^"]*"' | grep -o '[0-9]*'
}

t_epoch_of_a_url() {
    serve
    echo hello >www/f
    touch -d @1600000000 www/f
    same "$(epoch_of "ARG F=f
ADD $url/\$F /")" 1600000000
}

t_epoch_of_git() {
    serve
    repository r
    echo hello >r/f
    push r
    same "$(epoch_of "ADD $url/git/r.git /")" "$(date -d "$GIT_COMMITTER_DATE" +%s)"
}

t_epoch_of_other_stages() {
    mkdir empty
    for case in "scratch|COPY D /|does not meet source-only requirements: unsupported COPY instruction" \
        "busybox|ARG A|must use FROM scratch" "scratch|ARG A|must contain exactly one remote ADD" \
        "scratch|ADD f /|source must be a single HTTP(S) or Git ADD"; do
        text=${case#*|}
        printf 'ARG SOURCE_DATE_EPOCH=Src\nFROM %s AS src\n%s\nFROM scratch\n' "${case%%|*}" "${text%%|*}" >D
        fails 1 cbuild -f D empty
        has "$out" "D:2"
        has "$out" "SOURCE_DATE_EPOCH stage ${text#*|}"
    done
    printf 'FROM scratch\n' >D
    fails 2 cbuild --build-arg SOURCE_DATE_EPOCH=nothing -f D empty
    has "$out" "invalid SOURCE_DATE_EPOCH: nothing"
}
