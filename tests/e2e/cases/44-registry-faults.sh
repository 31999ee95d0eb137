# Registries that misbehave (tests/tools/fakeregistry.py): each ends well after another try, or in one error that names the host, the
# repository, and what to do. tests/unit/test-transfer.c has the same and more, request by request.

fake() { # fake ARGS…: starts one, its port is $port
    only root # what a registry answers does not depend on who asks
    export CBUILD_STALL_MS=300 CBUILD_RETRY_DELAY_MS=1
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
    same $n 26
}

t_certificates_that_are_not_believed() {
    only root
    needs openssl
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
    fails 1 cbuild pull --cert-dir certs "reg.localhost:$port/plain/app:1"
    has "$out" "NAME.cert with NAME.key"
    cp other.crt certs/me.cert
    cp other.key certs/me.key
    cbuild pull --cert-dir certs "reg.localhost:$port/plain/app:1" >/dev/null 2>&1
}
