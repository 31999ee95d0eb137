# --call: questions that are answered without building. Options of docker build that are refused.

dockerfile() {
    cat >Dockerfile <<'X'
# BASE is the base image
ARG BASE=scratch
ARG UNUSED=1

# build makes the thing
FROM $BASE AS build
# VERSION is what to build
ARG VERSION=1
RUN --mount=type=secret,id=token,required --mount=type=cache,id=c,target=/c --mount=type=ssh make

FROM scratch
COPY --from=build $undefined /
X
}
json() { # json EXPRESSION: of the document j in ./out
    python3 -c 'import json, sys; j = json.load(open("out")); print(eval(sys.argv[1]))' "$1"
}

t_check() {
    dockerfile
    status=0
    cbuild --check . >out || status=$?
    same $status 1
    has "$(cat out)" "Check complete, 1 warning has been found!"
    has "$(cat out)" "WARNING: UndefinedVar - https://docs.docker.com/go/dockerfile/rule/undefined-var/"
    has "$(cat out)" '  12 | >>> COPY --from=build $undefined /'
    cbuild --call=check,ignorestatus=true . >out
    printf 'FROM scratch\n' >Dockerfile
    cbuild --check . >out
    same "$(cat out)" "Check complete, no warnings found."
    [ -z "$(cbuild images -q 2>/dev/null)" ] || die "something was built"
}

t_check_covers_all_stages() {
    printf 'FROM scratch AS a\nCOPY $x /\nFROM scratch AS b\nCOPY $y /\n' >Dockerfile
    fails 1 cbuild --check .
    has "$out" "2 warnings have been found!"
    fails 1 cbuild --check --target a .
    has "$out" "1 warning has been found!"
    has "$out" "'\$x'"
}

t_check_json() {
    dockerfile
    fails 1 cbuild --call=check,format=json .
    echo "$out" >out
    same "$(json 'j["warnings"][0]["ruleName"], j["warnings"][0]["location"]["ranges"][0]["start"]["line"]')" "('UndefinedVar', 12)"
    echo NONSENSE >>Dockerfile
    status=0
    cbuild --call=check,format=json . >out 2>log || status=$?
    same $status 1
    has "$(json 'j["buildError"]["message"]')" "unknown instruction: NONSENSE"
    has "$(cat log)" "unknown instruction: NONSENSE"
}

checks() { # checks TEXT ARGS…: the warnings of a Dockerfile, each as "Rule line"
    printf '%b' "$1" >Dockerfile
    shift
    cbuild --call=check,format=json,ignorestatus=true "$@" . >out
    json '"; ".join("%s %d" % (w["ruleName"], w["location"]["ranges"][0]["start"]["line"]) for w in j["warnings"])'
}

t_check_reports_each_use() {
    same "$(checks 'FROM scratch\nCOPY $x $x$x /\nEXPOSE $y\nENV a=$z\n')" "UndefinedVar 2; UndefinedVar 2; UndefinedVar 4"
    same "$(checks 'FROM scratch\nARG BUILDKIT_SBOM_SCAN_STAGE=1\nENV a=$BUILDKIT_SBOM_SCAN_STAGE\n')" ""
}

t_check_json_in_order_of_finding() {
    same "$(checks 'FROM scratch AS a\nCOPY $x /\nFROM scratch AS B\n')" "StageNameCasing 3; UndefinedVar 2"
    same "$(json 'j["warnings"][0]["location"]')" "{'ranges': [{'start': {'line': 3}, 'end': {'line': 3}}]}"
    checks 'FROM scratch\nCOPY \\\n $x /\n' >/dev/null
    same "$(json '[r["start"]["line"] for r in j["warnings"][0]["location"]["ranges"]]')" "[2, 3]"
}

t_check_from() {
    same "$(checks 'FROM --platform=${TARGETPLATFORM:-x} scratch\n')" "RedundantTargetPlatform 1"
    same "$(checks 'ARG p=linux/amd64\nFROM --platform=$p scratch\n')" ""
    same "$(checks 'ARG V\nFROM ${V:?needed} AS a\nFROM scratch\n' --build-arg V=scratch)" ""
    same "$(checks 'ARG V\n# check=skip=all\nFROM $V AS a\nFROM scratch\n' --build-arg V=scratch)" "InvalidDefaultArgInFrom 3"
    checks 'ARG NAME\nFROM scratch$NAMES\n' >/dev/null
    same "$(json 'j["warnings"][0]["detail"]')" "FROM argument 'NAMES' is not declared (did you mean NAME?)"
}

t_check_skip_above() {
    same "$(checks 'FROM scratch\nCMD ["a"]\n# check=skip=MultipleInstructionsDisallowed\nCMD ["b"]\n')" ""
    same "$(checks 'FROM scratch\n# check=skip=MultipleInstructionsDisallowed\nCMD ["a"]\nCMD ["b"]\n')" \
        "MultipleInstructionsDisallowed 3"
}

t_check_ignored() {
    echo a >.dockerignore
    same "$(checks 'FROM scratch\nCOPY ./a/b /\nCOPY /a /\nCOPY ../a /\nCOPY . /\n')" "CopyIgnoredFile 2"
    echo '*' >.dockerignore
    same "$(checks 'FROM scratch\nCOPY a /\nCOPY /a /\nCOPY . /\nCOPY / /\nCOPY --from=x . /\n' --build-context x=.)" \
        "CopyIgnoredFile 2; CopyIgnoredFile 3; CopyIgnoredFile 4; CopyIgnoredFile 5"
}

t_check_sarif() {
    mkdir sub
    cd sub && dockerfile && cd ..
    status=0
    cbuild --call=check,format=sarif sub >out || status=$?
    same $status 1
    same "$(json 'j["runs"][0]["results"][0]["ruleId"]')" UndefinedVar
    same "$(json 'j["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]')" sub/Dockerfile
}

t_check_fails_with_error_true() {
    printf '# check=error=true\nFROM scratch\nCOPY $x /\n' >Dockerfile
    fails 1 cbuild --call=check,ignorestatus=true .
    has "$out" "lint violation found for rules: UndefinedVar"
}

t_check_fetches_nothing() {
    printf 'FROM scratch\nADD http://127.0.0.1:1/x /\nADD http://127.0.0.1:1/x.git /\n' >Dockerfile
    cbuild --check . >out
    printf 'FROM scratch\nADD --checksum=md5:1 http://127.0.0.1:1/x /\n' >Dockerfile
    fails 1 cbuild --check .
    has "$out" "unsupported digest algorithm"
}

t_targets() {
    dockerfile
    cbuild --call=targets . >out
    same "$(cat out)" "$(printf 'TARGET    DESCRIPTION\nbuild     makes the thing\n(default)')"
    cbuild --call=targets,format=json . >out
    same "$(json '[(t.get("name"), t.get("default"), t.get("description"), t["base"]) for t in j["targets"]]')" \
        "[('build', None, 'makes the thing', '\$BASE'), (None, True, None, 'scratch')]"
}

t_outline() {
    dockerfile
    cbuild --call=outline . >out
    same "$(cat out)" "$(
        cat <<'X'
BUILD ARG   VALUE     DESCRIPTION
BASE        scratch   is the base image
VERSION     1         is what to build

SECRET   REQUIRED
token    true

SSH       REQUIRED
default

CACHE MOUNT   TARGET
c             /c
X
    )"
    cbuild --call=outline,format=json --target build --build-arg VERSION=2 . >out
    same "$(json '[j["name"], j["description"], [(a["name"], a["value"]) for a in j["args"]], j["secrets"][0]["name"], j["cache"][0]["ID"]]')" \
        "['build', 'makes the thing', [('BASE', 'scratch'), ('VERSION', '2')], 'token', 'c']"
}

t_calls_that_do_not_exist() {
    fails 2 cbuild --call=nothing .
    has "$out" "is not one of build, check, outline, targets"
    fails 2 cbuild --call=targets,format=sarif .
    has "$out" "sarif is a format of check only"
}

t_refused_options() {
    printf 'FROM scratch\n' >Dockerfile
    for o in --resource=memory=1g --cache-from=type=nothing --cache-to=type=nothing --builder=b --provenance=true --sbom=1 \
        --attest=type=sbom --security-opt=x --isolation=hyperv --rm=false; do
        fails 2 cbuild $o .
        has "$out" "ERROR: "
    done
    fails 2 cbuild --resource memory=1g .
    has "$out" "hint: --memory, --cpus"
    cbuild -q --rm --force-rm --provenance=false --sbom=false --attest type=sbom,disabled=true --load --compress --squash=false \
        --builder default --isolation default --debug -D . >id
    has "$(cat id)" sha256:
}
