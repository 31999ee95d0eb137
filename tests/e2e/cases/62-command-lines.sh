# Command lines that people bring from docker, buildah, podman and kaniko.

t_words_of_others() {
    printf 'FROM scratch\nLABEL a=b\nCOPY Dockerfile /\n' >Dockerfile
    for words in bud build-using-dockerfile 'buildx build' 'buildx b' 'builder build' 'image build'; do
        # shellcheck disable=SC2086 # words
        cbuild $words -q -t app:1 . >/dev/null
    done
    same "$(cbuild image ls -q)" "$(cbuild images -q)"
    has "$(cbuild image inspect app:1)" sha256
    cbuild image tag app:1 app:2
    cbuild image rm app:2 >/dev/null
    same "$(cbuild system df)" "$(cbuild du)"
    has "$(cbuild builder prune -f)" removed
    for words in 'login localhost:5000' 'history app:1' 'ps' 'buildx ls' 'system info' 'from app:1'; do
        # shellcheck disable=SC2086 # words
        fails 2 cbuild $words
        has "$out" "there is no command and no directory '${words%% *}'"
        has "$out" "hint: "
        hasnt "$out" "did you mean"
    done
    mkdir ps
    cp Dockerfile ps
    cbuild -q ps >/dev/null
}

t_misspelt_commands() {
    for word in biuld imagse prnue inspct; do
        fails 2 cbuild $word x
        has "$out" "there is no command and no directory '$word'"
        has "$out" "hint: did you mean 'cbuild "
    done
}

# Options that every command has may stand in front of its name.
t_options_before_the_command() {
    printf 'FROM scratch\nCOPY Dockerfile /\n' >Dockerfile
    cbuild --root other build -q -t app:1 . >/dev/null
    same "$(cbuild --root other images -q | wc -l)" 1
    same "$(cbuild --root=other image ls -q | wc -l)" 1
    same "$(cbuild images -q | wc -l)" 0
    cbuild --root other -q . >/dev/null
    has "$(cbuild --root other help du)" "Usage: cbuild du"
    has "$(cbuild --root other version)" "cbuild "
    fails 2 cbuild --root other biuld
    has "$out" "did you mean 'cbuild build'?"
    fails 2 cbuild --root
    has "$out" "option '--root' needs a value"
    CBUILD_ROOT=other cbuild prune --all >/dev/null
}
