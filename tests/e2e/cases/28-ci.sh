# What docs/ci.md says is tried: the commands of its examples, in the places (tests/tools/container) that they are for.

# The commands of the example, with the names of registry and variables as they are here.
commands() { # commands NUMBER
    awk -v n="$1" '/^<!-- tried /{k++; seen = 0} /^```/{seen++; next} k == n && seen == 1' "$guide" |
        sed -n 's/^.*[^/]\(cbuild\( kaniko\)* -.*\)$/\1/p' |
        sed -E "s,(registry\.example\.com|ghcr\.io),$E2E_REGISTRY,; s,/workspace,.,; s,/store/cbuild,\$CBUILD_ROOT/cbuild,; s/\"\]\$//; s,\\\$\(params.image\),\$IMAGE,; s,\\\$\(results.digest.path\),digest,"
}
# What a job of that CI service finds in its environment.
environment() {
    export CI_REGISTRY_IMAGE="$E2E_REGISTRY/gitlab" CI_COMMIT_SHORT_SHA=1 CI_PROJECT_DIR=. IMAGE="$E2E_REGISTRY/tekton" \
        GITHUB_REPOSITORY=github GITHUB_SHA=1 BUILD_NUMBER=1
    mkdir bin && ln -s "$CBUILD" bin/cbuild
    export PATH="$PWD/bin:$PATH"
}
tried() { # tried PLACE: the commands in ./script
    export CBUILD_ROOT="$CASE_DIR/store-$number-$1"
    mkdir -m 777 "$CBUILD_ROOT"
    case $1 in
    machine) (cd "$where" && sh -eux ../script) >log 2>&1 || die "example $number: $(cat script log)" ;;
    *) (cd "$where" && in_place "$1" sh -eux ../script) >log 2>&1 || die "example $number in $1: $(cat script log)" ;;
    esac
    "$E2E_HERE/remove" "$CBUILD" "$CBUILD_ROOT"
}

t_examples_of_the_guide() {
    only root range
    guide=$E2E_HERE/../../docs/ci.md
    [ -n "${E2E_REGISTRY:-}" ] || skip "no registry runs here"
    context run <<X
${base}RUN mkdir /out && chown 5:6 /out && chgrp 7 /bin/busybox
X
    context copy <<X
FROM scratch
COPY --chown=5:6 busybox /bin/
X
    environment
    sed -n 's/^<!-- tried \(without RUN \)*in: \(.*\) -->$/\1 \2/p' "$guide" >examples
    number=0
    while read -r places; do
        number=$((number + 1)) where=run
        case $places in "without RUN "*) where=copy places=${places#without RUN } ;; esac
        commands $number >script
        [ -s script ] || die "example $number has no command"
        for place in $places; do
            [ "$E2E_USER" = root ] || [ "$place" = machine ] || continue
            tried "$place"
        done
    done <examples
    [ $number -ge 7 ] || die "only $number examples"
}
