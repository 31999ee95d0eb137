# The network of a build: a namespace of its own, which pasta connects to the outside.

# Where pasta cannot work (no /dev/net/tun, no route to the outside) there is nothing to try.
connected() { # connected LOG
    ! grep -q "RUN has the host's network" "$1" || skip "$(sed -n "s/.*RUN has the host's network, because //p" "$1")"
}
# A directory of programs for $PATH: those that cbuild needs, and a pasta that does what standard input says.
programs() { # programs DIR
    mkdir -p "$1"
    for program in newuidmap newgidmap sh sleep setsid ls cat; do
        ln -sf "$(command -v "$program")" "$1/$program"
    done
    { echo '#!/bin/sh' && cat; } >"$1/pasta"
    chmod 755 "$1/pasta"
}

t_network_of_the_build() {
    needs pasta
    python3 -c 'import socket
s = socket.socket(); s.bind(("0.0.0.0", 0)); s.listen(9); print(s.getsockname()[1], flush=True)
while True: c, _ = s.accept(); c.sendall(b"host\n"); c.close()' >port &
    server=$!
    trap 'kill $server' EXIT
    wait_for 10 test -s port
    port=$(cat port)
    programs bin <<X
echo "\$@" >>'$PWD/calls'
ls -l /proc/self/fd >'$PWD/descriptors'
exec '$(command -v pasta)' "\$@"
X
    context c <<X
${base}RUN readlink /proc/self/ns/net > /one; ls /sys/class/net > /links; cat /etc/resolv.conf > /resolv
RUN readlink /proc/self/ns/net > /two; grep gw.example /etc/hosts | cut -f1 > /gw
RUN sleep 1 | timeout 5 nc "\$(cat /gw)" $port > /by-address; ! sleep 1 | timeout 5 nc 127.0.0.1 $port
RUN --network=none readlink /proc/self/ns/net > /none
RUN --network=host readlink /proc/self/ns/net > /host
X
    build() {
        rm -rf root
        env PATH="$PWD/bin" "$CBUILD" -o root --allow network.host --add-host gw.example=host-gateway c 2>log 7>ours || die "$(cat log)"
    }
    build
    connected log
    same "$(tr '\n' ' ' <root/links)" "eth0 lo "
    same "$(cat root/one)" "$(cat root/two)"
    same "$(cat root/host)" "$(readlink /proc/self/ns/net)"
    same "$(cat root/one root/none root/host | sort -u | wc -l)" 3
    same "$(cat root/by-address)" host
    hasnt "$(cat root/resolv)" 127.
    same "$(wc -l <calls)" 1
    hasnt "$(cat descriptors)" "$CBUILD_ROOT"
    hasnt "$(cat descriptors)" socket:
    hasnt "$(cat descriptors)" "$PWD/ours"
    build # all of it is known: there is nothing to connect
    same "$(wc -l <calls)" 1
}

# As in Docker's containers, every user may bind every port.
t_low_ports_of_the_network() {
    needs pasta
    user=0
    [ "$E2E_USER" = single ] || user=1234
    context c <<X
${base}USER $user
RUN timeout 1 nc -l -p 81 || [ \$? = 143 ]
RUN --network=none timeout 1 nc -l -p 81 || [ \$? = 143 ]
X
    cbuild c 2>log || { connected log && die "$(cat log)"; }
    connected log
}

t_a_machine_without_pasta() {
    programs bin </dev/null
    rm bin/pasta
    context c <<X
${base}RUN readlink /proc/self/ns/net > /ns
X
    env PATH="$PWD/bin" "$CBUILD" --progress=plain -o out c 2>log || die "$(cat log)"
    same "$(cat out/ns)" "$(readlink /proc/self/ns/net)"
    same "$(grep -c "RUN has the host's network" log)" 1
    [ ! -w /dev/net/tun ] || has "$(cat log)" "the program pasta is not installed: install the package 'passt'"
    [ "$(cat /proc/sys/net/ipv4/ip_unprivileged_port_start)" -gt 81 ] || return 0
    printf '%sRUN timeout 1 nc -l -p 81\n' "$base" >c/Dockerfile
    fails 1 env PATH="$PWD/bin" "$CBUILD" c
    has "$out" "hint: a likely cause: ports below"
}

# Its own words say what is wrong; without it the build goes on.
t_pasta_that_fails() {
    [ -w /dev/net/tun ] || skip "/dev/net/tun is not open to this user"
    programs bin <<X
echo 'Failed to send 9 bytes to syslog' >&2
echo 'there is no way' >&2
exit 1
X
    context c <<X
${base}RUN true
X
    env PATH="$PWD/bin" "$CBUILD" c 2>log || die "$(cat log)"
    has "$(cat log)" "cannot have one of its own here: pasta says: there is no way"
    same "$(grep -c 'there is no way' log)" 1
}

# It goes with the build, also when that is killed.
t_pasta_ends_with_the_build() {
    needs pasta
    programs bin <<X
setsid sleep 98713$$ >/dev/null 2>&1 &
exec '$(command -v pasta)' "\$@"
X
    context c <<X
${base}RUN echo started; sleep 60
X
    env PATH="$PWD/bin" "$CBUILD" --progress=plain c >log 2>&1 &
    build=$!
    wait_for 20 grep -q started log
    connected log
    running="cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' ' | grep -qa 'slee[p] 98713$$'"
    wait_for 20 sh -c "$running"
    kill -KILL $build
    wait_for 20 sh -c "! { $running; }"
}

# A RUN says so when it has ended before; the one that was running goes on.
t_pasta_that_is_killed() {
    needs pasta
    # With an argument by which it is found: in the build's PID namespace it has another number.
    programs bin <<X
exec '$(command -v pasta)' --pid '$PWD/pid' "\$@"
X
    context c <<X
${base}RUN echo started; sleep 2
RUN echo never
X
    env PATH="$PWD/bin" "$CBUILD" --progress=plain c >log 2>&1 &
    build=$!
    wait_for 20 grep -q started log
    connected log
    pgrep -f "pasta .*--pid $PWD/pid " | xargs kill -KILL
    status=0
    wait $build || status=$?
    same "$status" 1
    has "$(cat log)" "the network of the build is gone: pasta has ended"
    ! grep -q '^#[0-9]* [0-9.]* never' log || die "the next RUN had no network and was told nothing"
}

t_resolv_conf() {
    context c <<X
${base}RUN cat /etc/resolv.conf > /r
X
    rootfs --dns 192.0.2.53 --dns=2001:db8::1 --dns-search a.example --dns-search b.example --dns-option ndots:2 --dns-opt rotate c
    same "$(grep -v '^#' root/r)" "nameserver 192.0.2.53
nameserver 2001:db8::1
search a.example b.example
options ndots:2 rotate"
    cbuild --dns 192.0.2.54 --progress=plain c >log 2>&1
    has "$(cat log)" "0 steps run"
    rootfs --no-cache --dns none c
    same "$(cat root/r)" ""
}

# Proxies of the machine reach RUN, and nothing else: no key, no history, no log of a password.
t_proxies() {
    context c <<X
${base}RUN env | grep -i proxy | sort > /env; echo "said \$HTTP_PROXY"
X
    export http_proxy=http://user:geheim@192.0.2.1:3128 no_proxy=here.example
    rootfs --progress=plain c
    same "$(cat root/env)" "HTTP_PROXY=http://user:geheim@192.0.2.1:3128
NO_PROXY=here.example
http_proxy=http://user:geheim@192.0.2.1:3128
no_proxy=here.example"
    has "$(cat build.log)" 'said http://user:****@192.0.2.1:3128'
    ! grep -raqs geheim "$CBUILD_ROOT/records" build.log || die "the password is in the store or the log"
    cbuild --http-proxy=false --progress=plain c 2>log
    has "$(cat log)" "0 steps run"
    rootfs --no-cache --http-proxy=false c
    same "$(cat root/env)" ""
    mkdir docker
    echo '{"proxies": {"default": {"httpProxy": "http://127.0.0.1:3129", "noProxy": "conf.example"}}}' >docker/config.json
    DOCKER_CONFIG=$PWD/docker rootfs --no-cache --network=none --build-arg NO_PROXY=arg.example c
    same "$(grep -c -e HTTP_PROXY=http://127.0.0.1:3129 -e NO_PROXY=arg.example root/env)" 2
    has "$(cat build.log)" "HTTP_PROXY is a proxy on this machine's loopback address, which RUN does not reach"
    cbuild -t proxies:1 c
    same "$(DOCKER_CONFIG=$PWD/docker cbuild run -e NO_PROXY=run.example proxies:1 env 2>log | grep -i proxy | sort | tr '\n' ' ')" \
        "HTTP_PROXY=http://127.0.0.1:3129 NO_PROXY=run.example http_proxy=http://127.0.0.1:3129 no_proxy=conf.example "
    same "$(cbuild run --http-proxy=false proxies:1 env 2>log | grep -ci proxy)" 0
}
