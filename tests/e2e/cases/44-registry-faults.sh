# Registries that misbehave (tests/tools/fakeregistry.py): each ends well after another try, or in one error that names the host, the
# repository, and what to do. tests/unit/test-transfer.c has the same and more, request by request.

fake() { # fake ARGS…: starts one, its port is $port
    only root # what a registry answers does not depend on who asks
    export CBUILD_STALL_MS="${patience:-500}" CBUILD_RETRY_DELAY_MS=1
    rm -f fake.in fake.out
    mkfifo fake.in
    python3 "$E2E_HERE/../tools/fakeregistry.py" "$@" <fake.in >fake.out &
    exec 8>fake.in
    wait_for 10 test -s fake.out
    port=$(cat fake.out)
}
errors() { # how many errors $out tells
    echo "$out" | grep -c "^ERROR: "
}

t_faults_that_pass() {
    fake
    for mode in truncate half500 busyblob expired staleread redirect norange; do
        CBUILD_ROOT=$CASE_DIR/$mode cbuild pull "127.0.0.1:$port/$mode/app:1" >out 2>log || die "$mode: $(cat log)"
        hasnt "$(cat log)" s3cret
    done
    printf 'FROM scratch\nCOPY Dockerfile /\n' >Dockerfile
    for mode in stalewrite busyput chunks; do
        cbuild -o "type=registry,name=127.0.0.1:$port/$mode/app:1" . 2>log || die "$mode: $(cat log)"
    done
}

t_faults_that_end_in_one_error() {
    fake
    n=0
    while read -r mode hint; do
        CBUILD_ROOT=$CASE_DIR/$n # what one of them left another would go on with
        fails 1 cbuild pull "127.0.0.1:$port/$mode/app:1"
        same "$(errors)" 1
        has "$out" "127.0.0.1:$port"
        has "$out" "$mode/app"
        has "$out" "$hint"
        n=$((n + 1))
    done <<X
silent CBUILD_STALL_MS
page200 an HTML page instead of a manifest
page200 a proxy in front of it
garbage a proxy in front of it
html answered 502
html trying again
loop more than 10 redirects
blobloop more than 10 redirects
long is longer than the
short of 2097152 bytes
twolengths ask whoever runs it
wrong what arrived has the digest
wrong a proxy in front of it
lie sent a document with the digest
always401 cbuild login 127.0.0.1:$port
denied cbuild login 127.0.0.1:$port
missing check the spelling
forbidden no right
half500on answered 500
enormous longer than 4194304 bytes
enormous a proxy in front of it
noplatform s390x
liar a proxy in front of it
hours 7200 seconds
hub too many requests
badtoken token server
X
    same "$n" 26
}

t_certificates_that_are_not_believed() {
    only root
    needs openssl
    patience=30000 # milliseconds
    make() { # make NAME CN SAN: a certificate signed by itself
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$1.key" -out "$1.crt" -days 2 -subj "/CN=$2" \
            -addext "subjectAltName=$3" 2>/dev/null
    }
    make good reg.localhost DNS:reg.localhost
    make other other.example DNS:other.example
    openssl req -new -key good.key -subj /CN=reg.localhost -addext subjectAltName=DNS:reg.localhost -out old.csr
    mkdir ca
    : >ca/index
    printf '[ca]\ndefault_ca=d\n[d]\ndatabase=ca/index\nnew_certs_dir=ca\nrand_serial=yes\npolicy=p\ndefault_md=sha256\ncopy_extensions=copy\n[p]\ncommonName=supplied\n' >ca.conf
    openssl ca -batch -config ca.conf -selfsign -keyfile good.key -in old.csr -out old.crt -startdate 200101000000Z -enddate 200201000000Z 2>/dev/null
    fake good.crt good.key
    at=reg.localhost:$port
    fails 1 cbuild pull "$at/plain/app:1"
    same "$(errors)" 1
    has "$out" "self-signed certificate"
    has "$out" "reg.localhost' for DNS:reg.localhost, signed by itself, valid from "
    has "$out" "/etc/containers/certs.d/$at/ca.crt"
    has "$out" "--cert-dir"
    mkdir certs
    cp good.crt certs/
    cbuild pull --cert-dir certs "$at/plain/app:1" >/dev/null 2>&1
    fails 1 cbuild login -u a -p b "$at"
    has "$out" "signed by itself"
    exec 8>&-
    fake old.crt good.key
    cp old.crt certs/good.crt
    fails 1 cbuild pull --cert-dir certs "reg.localhost:$port/plain/app:1"
    has "$out" "expired"
    has "$out" "to Feb  1 00:00:00 2020 GMT"
    exec 8>&-
    fake other.crt other.key
    cp other.crt certs/
    fails 1 cbuild pull --cert-dir certs "reg.localhost:$port/plain/app:1"
    has "$out" "for DNS:other.example"
    exec 8>&-
    # One that wants to see ours.
    cp good.crt certs/good.crt
    fake good.crt good.key other.crt
    # It closes the connection, or says nothing any more.
    export CBUILD_STALL_MS=1000
    fails 1 cbuild pull --cert-dir certs "reg.localhost:$port/plain/app:1"
    has "$out" "NAME.cert with NAME.key"
    export CBUILD_STALL_MS=$patience
    cp other.crt certs/me.cert
    cp other.key certs/me.key
    cbuild pull --cert-dir certs "reg.localhost:$port/plain/app:1" >/dev/null 2>&1
}

asked() { # asked KEY: how often the registry was asked for it
    python3 -c "import sys, urllib.request as u; print(u.urlopen(sys.argv[1]).read().decode())" "http://127.0.0.1:$port/count/$1"
}

t_a_pull_that_is_killed_goes_on() {
    fake
    export CBUILD_STALL_MS=30000
    "$CBUILD" pull "127.0.0.1:$port/hang/app:1" >/dev/null 2>&1 &
    pid=$!
    wait_for 20 sh -c 'test -n "$(find "$1" -name ".tmp-part-*" -size +500k)"' sh "$CBUILD_ROOT"
    kill -9 "$pid"
    wait "$pid" 2>/dev/null || :
    cbuild pull "127.0.0.1:$port/hang/app:1" >pulled 2>log || die "$(cat log)"
    same "$(asked rest/hang)" 1
    same "$(find "$CBUILD_ROOT" -name '.tmp-part-*')" ""
    # What was left may be damaged: it is found out, and does not stay.
    for b in "$CBUILD_ROOT"/blobs/sha256/*; do
        [ "$(stat -c %s "$b")" -lt 1000000 ] || hex=$(basename "$b")
    done
    CBUILD_ROOT=$CASE_DIR/store2
    cbuild pull "127.0.0.1:$port/missing/app:1" >/dev/null 2>&1 || :
    head -c 700000 /dev/zero >"$CBUILD_ROOT/blobs/sha256/.tmp-part-$hex"
    fails 1 cbuild pull "127.0.0.1:$port/plain/app:1"
    has "$out" "what arrived has the digest"
    cbuild pull "127.0.0.1:$port/plain/app:1" >/dev/null 2>&1
    printf 'FROM 127.0.0.1:%s/plain/app:1\n' "$port" >Dockerfile
    rootfs --pull=never .
    [ -s root/file ] || die "no file"
}

t_two_pulls_of_one_image_are_one_download() {
    fake
    export CBUILD_STALL_MS=30000
    for n in 1 2 3; do
        "$CBUILD" pull "127.0.0.1:$port/slowly/app:1" >"$n" 2>"$n.log" &
        eval "pid$n=\$!"
    done
    # shellcheck disable=SC2154 # set by eval
    wait "$pid1" && wait "$pid2" && wait "$pid3" || die "$(cat ./*.log)"
    same "$(cat 1 2 3 | sort -u | wc -l)" 1
    same "$(asked blob/slowly)" 1
}

t_a_pull_of_several_is_several_pulls() {
    fake
    fails 1 cbuild pull "127.0.0.1:$port/missing/app:1" "127.0.0.1:$port/plain/app:1" "127.0.0.1:$port/forbidden/app:1" "127.0.0.1:$port/generic/app:1"
    same "$(errors)" 2
    has "$out" "127.0.0.1:$port/plain/app:1@sha256:"
    has "$out" "127.0.0.1:$port/generic/app:1@sha256:"
    has "$out" "ERROR: 127.0.0.1:$port/missing/app:1"
    has "$out" "ERROR: 127.0.0.1:$port/forbidden/app:1"
}
