# login and logout: with the real registry, and files as docker's and podman's users have them.

ours() { # one kind of user will do: nothing here depends on what a user may do
    only root
    needs docker-registry skopeo
    mkdir auth
    perl -e 'print "user:", crypt("secret", q($2y$05$abcdefghijklmnopqrstuu)), "\n"' >auth/htpasswd
    REGISTRY_HTPASSWD=$PWD/auth/htpasswd "$E2E_HERE/../tools/registry" start "$PWD/reg" >addr
    trap '"$E2E_HERE/../tools/registry" stop "$PWD/reg"' EXIT
    at=$(cat addr)
    unset DOCKER_CONFIG
}
secret() { # log in as the user, with more arguments
    printf 'secret\n' | cbuild login -u user --password-stdin "$@"
}
auth() { # auth FILE KEY: who has that entry
    jq -r --arg k "$2" '.auths[$k].auth' "$1" | base64 -d
}

t_a_login_is_tried_and_kept() {
    ours
    printf 'FROM scratch\nCOPY Dockerfile /\n' >Dockerfile
    fails 1 cbuild -t "$at/me/app:1" --push .
    has "$out" "not logged in to '$at'"
    has "$out" "cbuild login $at"
    fails 1 cbuild login -u user -p wrong "$at"
    has "$out" "log in to '$at'"
    has "$out" "not accepted"
    hasnt "$out" wrong
    [ ! -e "$XDG_RUNTIME_DIR/containers" ] || die "a login that failed was kept"
    fails 1 cbuild login --get-login "$at"
    secret "$at" >out
    file=$XDG_RUNTIME_DIR/containers/auth.json # where podman and skopeo look
    has "$(cat out)" "logged in to '$at' (kept in '$file')"
    same "$(stat -c %a "$file")" 600
    same "$(auth "$file" "$at")" user:secret
    same "$(cbuild login --get-login "$at")" user
    has "$(cbuild login "$at")" "already logged in to '$at' as 'user'"
    cbuild -t "$at/me/app:1" --push . 2>log
    skopeo inspect --tls-verify=false "docker://$at/me/app:1" >/dev/null
    has "$(cbuild logout "$at")" "logged out of '$at' (removed from '$file')"
    same "$(jq -c .auths "$file")" '{}'
    fails 1 cbuild logout "$at"
    has "$out" "not logged in to '$at'"
    # Docker's file, with all that a user has in it, is taken where it is.
    mkdir "$HOME/.docker"
    printf '{"HttpHeaders": {"X": "y"}, "auths": {"other.example": {"auth": "YTpi"}, "https://%s/v2/": {}}, "detachKeys": "ctrl-e"}' "$at" >"$HOME/.docker/real.json"
    ln -s real.json "$HOME/.docker/config.json"
    secret "https://$at/v2/" >out
    has "$(cat out)" "'$HOME/.docker/real.json'"
    [ -L "$HOME/.docker/config.json" ] || die "the link is gone"
    same "$(jq -c 'keys_unsorted, .HttpHeaders, .auths["other.example"], (.auths | keys | length)' "$HOME/.docker/real.json" | tr '\n' ' ')" \
        '["HttpHeaders","auths","detachKeys"] {"X":"y"} {"auth":"YTpi"} 2 '
    cbuild pull "$at/me/app:1" >/dev/null
    # One that is named is the one.
    secret --authfile "$PWD/new/auth.json" "$at/me" >out
    same "$(auth new/auth.json "$at/me")" user:secret
    DOCKER_CONFIG=$PWD/dc secret "$at" >out
    same "$(auth dc/config.json "$at")" user:secret
    has "$(cbuild logout --all --authfile "$PWD/new/auth.json")" "all registries"
    same "$(jq -c .auths new/auth.json)" '{}'
    for args in "--password-stdin $at" "-u user -p x --password-stdin $at" "-u user -p x nohost" "-u a:b -p x $at" "-u user $at" "--get-login -u x $at"; do
        # shellcheck disable=SC2086 # words
        fails 2 cbuild login $args </dev/null
    done
}

t_a_login_goes_through_helpers() {
    ours
    mkdir bin "$HOME/.docker"
    cat >bin/docker-credential-test <<'X'
#!/bin/sh
kept=$HOME/kept
case $1 in
store) cat >"$kept" ;;
erase) rm -f "$kept" ;;
get) [ -s "$kept" ] && cat "$kept" || { echo "credentials not found in native keychain"; exit 1; } ;;
esac
X
    chmod +x bin/docker-credential-test
    PATH=$PWD/bin:$PATH
    for key in '"credsStore": "test"' "\"credHelpers\": {\"$at\": \"test\"}"; do
        printf '{%s}' "$key" >"$HOME/.docker/config.json"
        has "$(secret "$at")" "credential helper 'test'"
        same "$(jq -r '.ServerURL, .Username, .Secret' "$HOME/kept" | tr '\n' ' ')" "$at user secret "
        same "$(jq -c .auths "$HOME/.docker/config.json")" "{\"$at\":{}}"
        same "$(cbuild login --get-login "$at")" user
        fails 1 secret "$at/me"
        has "$out" "whole registries"
        has "$(cbuild logout "$at")" "credential helper 'test'"
        [ ! -e "$HOME/kept" ] || die "still kept"
    done
    printf 'credential-helpers = ["test"]\n' >registries.conf
    rm -r "$HOME/.docker"
    CONTAINERS_REGISTRIES_CONF=$PWD/registries.conf secret "$at" >out
    has "$(cat out)" "credential helper 'test'"
    same "$(jq -r .Username "$HOME/kept")" user
}

t_a_login_is_asked_for_on_a_terminal() {
    ours
    cat >typist.py <<'X'
import os, pty, sys, termios
pid, fd = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
seen = b""
def until(what):
    global seen
    while what not in seen:
        seen += os.read(fd, 1000)
until(b"User at")
os.write(fd, b"user\n")
until(b"Password of user: ")
assert not termios.tcgetattr(fd)[3] & termios.ECHO, "what is typed shows"
os.write(fd, b"\x03" if os.environ.get("STOP") else b"secret\n")
try:
    while part := os.read(fd, 1000):
        seen += part
except OSError:
    pass
assert b"secret" not in seen, seen
print(seen.decode())
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) % 256)
X
    STOP=1 fails 254 python3 typist.py "$CBUILD" login "$at" # SIGINT
    [ ! -e "$XDG_RUNTIME_DIR/containers" ] || die "kept"
    has "$(python3 typist.py "$CBUILD" login "$at")" "logged in to '$at'"
    same "$(cbuild login --get-login "$at")" user
}

t_registries_in_the_settings() {
    only root
    fake=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print("127.0.0.1:%d" % s.getsockname()[1])') # nobody there
    mkfifo in
    python3 "$E2E_HERE/../tools/fakeregistry.py" <in >out &
    exec 8>in
    wait_for 10 test -s out
    there=127.0.0.1:$(cat out)
    export CBUILD_CONFIG="$PWD/config.json" CBUILD_RETRY_DELAY_MS=1
    echo "{\"registries\": {\"far.example\": {\"mirrors\": [\"$fake\", \"$there/plain\"]}, \"$fake\": {\"insecure\": true}, \"bad.example\": {\"blocked\": true}}}" >config.json
    printf 'FROM far.example/app:1\n' >Dockerfile
    cbuild . 2>log || die "$(cat log)"
    has "$(cat log)" "mirror '$fake'"
    cbuild pull far.example/app:1 >/dev/null 2>&1
    fails 1 cbuild pull bad.example/app:1
    has "$out" "registry 'bad.example' is blocked in '$PWD/config.json'"
    fails 125 cbuild run --pull=missing bad.example/app:1 true
    has "$out" "is blocked"
    fails 1 cbuild login -u a -p b bad.example
    has "$out" "is blocked"
    has "$(cbuild doctor)" "$PWD/config.json"
    echo "{\"aliases\": {\"mine\": \"$there/plain/app\", \"bad\": \"x\"}}" >config.json
    printf 'FROM mine:1\n' >Dockerfile
    cbuild . 2>log || die "$(cat log)"
    has "$(cat log)" "resolve $there/plain/app:1"
    has "$(cbuild pull mine:1 2>/dev/null)" "$there/plain/app:1@"
    fails 1 cbuild pull bad
    has "$out" "the alias 'bad' stands for 'x'"
    rm config.json
    for file in registries.conf shortnames.conf; do
        printf '[aliases]\n"our/app" = "%s/plain/app"\n' "$there" >$file
        status=0
        CBUILD_CONFIG='' CONTAINERS_REGISTRIES_CONF=$PWD/$file HTTPS_PROXY=http://127.0.0.1:1 cbuild pull --retry 0 our/app:1 >out 2>&1 || status=$?
        [ "$status" = 0 ] || [ $file = shortnames.conf ] || die "$(cat out)"
    done
    has "$(cat out)" "127.0.0.1" # the proxy that Docker Hub would be asked by
    while IFS='|' read -r text says; do
        echo "{\"registries\": $text}" >config.json
        fails 2 cbuild pull far.example/app:1
        has "$out" "'$PWD/config.json': registries: $says"
    done <<'X'
[]|expected an object of registries
{"a.example": 1}|a.example: expected an object
{"a.example": {"mirrors": ["https://x"]}}|a.example: mirrors: expected an array of mirrors
{"a.example": {"insecure": "yes"}}|a.example: insecure: expected true or false
{"a.example": {"block": true}}|a.example: there is no setting 'block'
{"a.example/x": {}}|a.example/x: a registry is HOST or HOST:PORT
{"a.example": {"cert": "x"}}|a.example: cert and key go together
X
    echo '{"registries": {"reg.localhost:1": {"ca": "none.crt"}}}' >config.json
    fails 1 cbuild pull reg.localhost:1/x
    has "$out" "read '$PWD/none.crt'"
}

# TLS of the registry's own, and a token server that is another host.
t_tokens_behind_tls() {
    only root
    needs docker-registry skopeo openssl
    mkdir tls
    openssl req -x509 -newkey rsa:2048 -nodes -keyout tls/key.pem -out tls/cert.pem -days 2 -subj /CN=reg.localhost \
        -addext subjectAltName=DNS:reg.localhost,IP:127.0.0.1 2>/dev/null
    mkfifo in
    python3 "$E2E_HERE/../tools/tokenserver.py" tls/cert.pem tls/key.pem the-registry <in >out 2>tokens &
    exec 8>in
    wait_for 10 test -s out
    REGISTRY_TLS=$PWD/tls REGISTRY_TOKEN="https://127.0.0.1:$(cat out)/token $PWD/tls/cert.pem" "$E2E_HERE/../tools/registry" start "$PWD/reg" >addr
    trap '"$E2E_HERE/../tools/registry" stop "$PWD/reg"' EXIT
    unset DOCKER_CONFIG
    at=reg.localhost:$(sed 's/.*://' addr)
    mkdir certs
    cp tls/cert.pem certs/ca.crt
    context c <<X
${base}RUN echo app > /app
X
    fails 1 cbuild -t "$at/public/app:1" --push --cert-dir certs c
    has "$out" "cbuild login $at"
    fails 1 cbuild login -u user -p wrong --cert-dir certs "$at"
    has "$out" "not accepted"
    secret --cert-dir certs "$at" >/dev/null
    cbuild -t "$at/public/app:1" --push --cert-dir certs c 2>log || die "$(cat log)"
    has "$(cat tokens)" "user repository:public/app:pull,push"
    # Nobody pulls what is public, and somebody makes another image of it, whose layers are mounted.
    : >tokens
    CBUILD_ROOT=$CASE_DIR/store2
    cbuild pull --cert-dir certs --authfile /dev/null "$at/public/app:1" >/dev/null 2>log || die "$(cat log)"
    cbuild logout "$at" >/dev/null
    cbuild pull --cert-dir certs "$at/public/app:1" >/dev/null 2>log || die "$(cat log)"
    has "$(cat tokens)" "nobody repository:public/app:pull"
    secret --cert-dir certs "$at" >/dev/null
    CBUILD_ROOT=$CASE_DIR/store3
    printf 'FROM %s/public/app:1\nLABEL a=b\n' "$at" >c/Dockerfile
    cbuild -t "$at/mine/app:1" --push --cert-dir certs c 2>log || die "$(cat log)"
    has "$(cat tokens)" "user repository:mine/app:pull,push repository:public/app:pull"
    same "$(find "$CBUILD_ROOT/blobs" -size +100k)" ""
    same "$(skopeo inspect --tls-verify=false --creds user:secret "docker://$(cat addr)/mine/app:1" | jq -r '.Layers[]')" \
        "$(skopeo inspect --tls-verify=false --creds user:secret "docker://$(cat addr)/public/app:1" | jq -r '.Layers[]')"
    cbuild logout "$at" >/dev/null
    fails 1 cbuild pull --cert-dir certs "$at/mine/app:1"
    has "$out" "cbuild login $at"
}

# docker-registry as a cache of another one.
t_through_a_pull_through_mirror() {
    only root
    [ -n "${E2E_REGISTRY:-}" ] || die "no docker-registry: ./check starts one"
    context c <<X
${base}RUN echo app > /app
X
    cbuild -t "$E2E_REGISTRY/library/app$$:1" --push c 2>log || die "$(cat log)"
    REGISTRY_PROXY="{remoteurl: 'http://$E2E_REGISTRY'}" "$E2E_HERE/../tools/registry" start "$PWD/mirror" >mirror.addr
    trap '"$E2E_HERE/../tools/registry" stop "$PWD/mirror"' EXIT
    echo "{\"registries\": {\"docker.io\": {\"mirrors\": [\"$(cat mirror.addr)\"]}}}" >config.json
    CBUILD_ROOT=$CASE_DIR/store2
    export CBUILD_CONFIG="$PWD/config.json"
    printf 'FROM app%s:1\nRUN cat /app > /copy\n' $$ >c/Dockerfile
    rootfs c
    same "$(cat root/copy)" app
    wait_for 10 sh -c 'test -n "$(find mirror -name data -size +100k)"' # what it gave, it keeps
    cbuild cache reset --force >/dev/null
}
