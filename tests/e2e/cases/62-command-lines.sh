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
    for words in 'commit app:1' 'config app:1' 'ps' 'buildx ls' 'system info' 'from app:1'; do
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

t_environment_of_others() {
    printf 'FROM scratch\nCOPY Dockerfile /\n' >Dockerfile
    export DOCKER_DEFAULT_PLATFORM=linux/s390x BUILDAH_FORMAT=docker
    cbuild -q -t app:1 -o type=oci,tar=false,dest=one . >/dev/null
    same "$(oci config one | jq -r .architecture)" s390x
    has "$(oci manifest one | jq -r .mediaType)" distribution.manifest
    cbuild -q --platform local --format oci -o type=oci,tar=false,dest=two . >/dev/null
    hasnt "$(oci config two | jq -r .architecture)" s390x
    has "$(oci manifest two | jq -r .mediaType)" oci.image.manifest
    DOCKER_DEFAULT_PLATFORM=x/y/z/w fails 2 cbuild .
    has "$out" "DOCKER_DEFAULT_PLATFORM"
    cbuild kaniko --no-push --context . --oci-layout-path three 2>log
    hasnt "$(oci config three | jq -r .architecture)" s390x
    export DOCKER_BUILDKIT=0 BUILDAH_ISOLATION=chroot BUILDAH_LAYERS=false STORAGE_DRIVER=vfs BUILDX_BUILDER=none
    cbuild -q . >/dev/null
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
    CBUILD_ROOT=other cbuild cache reset --force >/dev/null
}

fake() { # starts fakeregistry.py: $fake is its address
    mkfifo fake.in
    python3 "$E2E_HERE/../tools/fakeregistry.py" <fake.in >fake.out &
    exec 8>fake.in
    wait_for 10 test -s fake.out
    fake=127.0.0.1:$(cat fake.out)
}

t_accounts_of_the_command_line() {
    fake
    fails 1 cbuild pull "$fake/basic/base:1"
    cbuild pull --creds user:secret "$fake/basic/base:1" >/dev/null
    fails 1 cbuild pull --creds user:wrong "$fake/basic/base:1"
    printf '{"auths": {"%s": {"auth": "%s"}}}' "$fake" "$(printf user:secret | base64)" >auth.json
    printf 'FROM %s/basic/base:1\nCOPY auth.json /\n' "$fake" >Dockerfile
    cbuild -q --authfile auth.json --pull=always . >/dev/null
    fails 1 cbuild --pull=always .
    fails 1 cbuild --authfile nothing --pull=always .
    has "$out" "read 'nothing'"
    fails 2 cbuild pull --creds user "$fake/basic/base:1"
    has "$out" "--creds: expected USER:PASSWORD"
}

t_tries_of_the_command_line() {
    fake
    fails 1 cbuild pull --retry 1 --retry-delay 1ms "$fake/flaky/base:1"
    same "$(echo "$out" | grep -c 'trying again')" 1
    cbuild pull --retry 1 --retry-delay 1ms "$fake/flaky/base:1" >/dev/null 2>&1
    fails 2 cbuild pull --retry many x
    fails 2 cbuild pull --retry-delay 1 x
    printf '[[registry]]\nlocation = "%s"\nblocked = true\n' "$fake" >registries.conf
    fails 1 cbuild pull --registries-conf registries.conf "$fake/plain/base:1"
    has "$out" "is blocked in 'registries.conf'"
}

# A registry with a certificate of its own, under a name that is not known to be this machine's.
t_certificates_of_the_command_line() {
    mkdir tls certs
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout tls/key.pem -out tls/cert.pem -days 2 \
        -subj /CN=reg.localhost -addext subjectAltName=DNS:reg.localhost 2>/dev/null
    REGISTRY_TLS=$PWD/tls "$E2E_HERE/../tools/registry" start "$PWD/reg" >addr
    trap '"$E2E_HERE/../tools/registry" stop "$PWD/reg"' EXIT
    repo=reg.localhost:$(sed 's/.*://' addr)/app
    printf 'FROM scratch\nCOPY Dockerfile /\n' >Dockerfile
    fails 1 cbuild -t "$repo:1" --push .
    has "$out" "certificate"
    cbuild -q -t "$repo:1" --push --tls-verify=false . >/dev/null
    fails 1 cbuild pull --tls-verify "$repo:1"
    cbuild pull --tls-verify=false "$repo:1" >/dev/null
    fails 1 cbuild push --cert-dir certs "$repo:1"
    cp tls/cert.pem certs/own.crt
    cbuild push --cert-dir certs "$repo:1" >/dev/null
    echo text >file
    cbuild kaniko -c . -d "$repo:2" --registry-certificate "${repo%/*}=tls/cert.pem" 2>log
    fails 1 cbuild kaniko -c . -d "$repo:2" --registry-certificate other.localhost=tls/cert.pem
    cbuild kaniko -c . -d "$repo:3" --skip-tls-verify-registry "${repo%/*}" 2>log
    fails 1 cbuild kaniko -c . -d "$repo:3" --registry-client-cert "${repo%/*}=none,none"
    has "$out" "read 'none'"
    fails 1 cbuild push --cert-dir nothing "$repo:1"
    has "$out" "read 'nothing'"
}

config_of() { # config_of IMAGE FILTER
    cbuild inspect "$1" | jq -c ".[0]$2"
}

# What buildah and podman let a command line change of the image.
t_image_of_the_command_line() {
    context c <<X
FROM scratch AS base
LABEL one=1 two=2
ENV KEPT=k GONE=g
COPY busybox /bin/busybox
RUN ["/bin/busybox", "sh", "-c", "/bin/busybox echo \$GIVEN \$OVER > /given"]
FROM base
ENV OVER=dockerfile
X
    cbuild -q -t base:1 --env GIVEN=g --env OVER=option --unsetlabel two --unsetenv GONE c >/dev/null
    same "$(config_of base:1 '.Config.Labels')" '{"one":"1"}'
    has "$(config_of base:1 '.Config.Env')" '"GIVEN=g","OVER=dockerfile","KEPT=k"'
    hasnt "$(config_of base:1 '.Config.Env')" GONE
    rootfs --env GIVEN=g --env OVER=option c
    same "$(cat root/given)" 'g option'
    printf 'FROM base:1\nLABEL own=o\nCOPY a /\nRUN ["/bin/busybox", "touch", "/x"]\n' >c/Dockerfile
    echo a >c/a
    cbuild -q -t own:1 --inherit-labels=false --omit-history --timestamp 86400 c >/dev/null
    same "$(config_of own:1 '.Config.Labels')" '{"own":"o"}'
    same "$(config_of own:1 .History)" '[]'
    same "$(config_of own:1 .Created)" '"1970-01-02T00:00:00Z"'
    cbuild -q -t from:1 --from own:1 c >/dev/null
    same "$(config_of from:1 '.RootFS.Layers | length')" 6
    cbuild -q -t s390x:1 --arch s390x --variant v1 --from scratch c >/dev/null 2>&1 && die "busybox is not there"
    printf 'FROM scratch\nARG A=a B=b C\nLABEL abc=$A$B$C\nCOPY . /\n' >c/Dockerfile
    printf '# of a file\nA=1\r\n\nB=2\n' >args
    C=3 cbuild -q -t s390x:1 --arch s390x --build-arg-file args --build-arg B=4 --build-arg C c >/dev/null
    same "$(config_of s390x:1 '.Architecture')$(config_of s390x:1 '.Config.Labels.abc')" '"s390x""143"'
    echo 'busybox' >ignored
    rootfs --ignorefile ignored c
    [ ! -e root/busybox ] && [ -e root/a ] || die "--ignorefile: $(ls root)"
    echo oops >args
    cbuild -q --build-arg-file args c >/dev/null # no such variable: nothing is passed
    echo '=oops' >args
    fails 2 cbuild --build-arg-file args c
    has "$out" "--build-arg-file: 'args', line 1"
}

t_docker_format() {
    printf 'FROM scratch\nCOPY Dockerfile /\n' >Dockerfile
    archive --format docker .
    has "$(oci manifest app.tar)" application/vnd.docker.distribution.manifest.v2+json
    archive --format oci .
    has "$(oci manifest app.tar)" application/vnd.oci.image.manifest.v1+json
    fails 2 cbuild --format docker -o type=oci,dest=x.tar,compression=zstd .
    has "$out" "--format docker"
    fails 2 cbuild --format v2s2 .
    [ -n "${E2E_REGISTRY:-}" ] || die "no docker-registry: ./check starts one"
    repo=$E2E_REGISTRY/$E2E_USER/format$$
    cbuild -q -t "$repo:1" . >/dev/null
    cbuild -q -t "$repo:1" --format docker . >/dev/null
    cbuild push "$repo:1" >/dev/null
    has "$(skopeo inspect --raw --tls-verify=false "docker://$repo:1")" application/vnd.docker.distribution.manifest.v2+json
    same "$(cbuild --storage-driver=vfs push -q --tls-verify=false --digestfile dg "$repo:1" "docker://$repo:2" 2>&1)" "$repo:2@$(cat dg)"
    same "$(cbuild pull -q --platform local "docker://$repo:2" 2>&1)" "$repo:2@$(cat dg)"
    cbuild rmi "$repo:2" >/dev/null
    fails 126 cbuild run --pull=missing -q --entrypoint /Dockerfile "$repo:2"
}

t_log_file() {
    printf 'FROM scratch\nCOPY Dockerfile /\n' >Dockerfile
    cbuild --logfile log -t app:1 . >out 2>&1
    same "$(cat out)" ""
    has "$(cat log)" "COPY Dockerfile /"
    printf 'FROM scratch\nCOPY nothing /\n' >Dockerfile
    fails 1 cbuild --logfile log .
    same "$out" ""
    has "$(cat log)" "ERROR: "
    fails 1 cbuild --logfile nowhere/log .
    has "$out" "--logfile: open 'nowhere/log'"
}
