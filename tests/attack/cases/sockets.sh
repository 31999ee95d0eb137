# Sockets, signals and terminals: what a process reaches that is no file.

# With the host's network a RUN is in the host's network namespace, where abstract sockets live: D-Bus, X11, containerd
# (CVE-2020-15257), as the real user. Landlock's scopes keep them out since Linux 6.12. Other networks do not have them.
t_abstract_sockets_of_the_host() {
    number=$("$ATTACK_TOOLS/programs/abstract" landlock)
    [ "$number" -ge 6 ] || skip "Landlock's scopes are missing (interface $number, 6 is needed: Linux 6.12)"
    name=cbuild-attack-$$
    "$ATTACK_TOOLS/programs/abstract" listen "$name" ready >heard &
    server=$!
    trap 'kill $server' EXIT
    wait_for 20 test -e ready
    box c abstract <<Y
${base}RUN --network=host ["/a/abstract", "connect", "$name"]
RUN --network=none /a/abstract connect $name
RUN /a/abstract connect $name
Y
    [ "$E2E_RUNG" != chroot ] || sed -i '/--network=none/d' c/Dockerfile # refused there
    attack --allow network.host c
    same "$status" 0
    held "connect to a stream: EPERM" "connect to datagrams: EPERM" "send a datagram: EPERM"
    same "$(cat heard)" ""
    [ "$E2E_RUNG" != chroot ] || return 0 # another USER is in no Landlock domain there
    held "connect to a stream: ECONNREFUSED"
    [ "$E2E_USER" != single ] || return 0
    sed -i 's/^RUN --network=host \[/USER 1234\n&/' c/Dockerfile
    attack --allow network.host c
    held "connect to a stream: EPERM"
    same "$(cat heard)" ""
}

# The families of sockets that there are inside: unix, inet, inet6, netlink; packet and xdp of a network of its own. Never 38
# (the kernel's crypto) and 40 (vsock: the hypervisor). Others are left to the kernel, as in Docker: most need a capability.
t_families() {
    not_on chroot # where --network=none is refused
    box c families <<Y
${base}RUN ["/a/families"]
RUN --network=none /a/families
Y
    attack c
    same "$status" 0
    for family in $(sed -n 's/.*FAMILY //p' attack.out); do
        case $family in
        1 | 2 | 10 | 16 | 17 | 44) ;;
        38 | 40) die "a socket of family $family can be made" ;;
        *) echo "note: a socket of family $family can be made" ;;
        esac
    done
    [ "$(grep -ac 'FAMILY 1$' attack.out)" = 2 ] || die "$out"
}

# The host's interfaces and routes belong to another user namespace: nothing of them can be changed.
t_interfaces_of_the_host() {
    box c <<Y
${base}RUN --network=host for c in 'link set lo down' 'link add attack0 type dummy' 'addr add 198.51.100.1/32 dev lo' 'route add blackhole 198.51.100.0/24' \
 'rule add from all table 7' 'link set lo mtu 1000' 'neigh add 198.51.100.2 lladdr 02:00:00:00:00:01 dev lo'; do \
 if ip \$c 2>/dev/null; then /a/say reached "ip \$c"; else /a/say held "ip \$c"; fi; done; \
 if nc -l -p 80 -w 1 -e true 2>/dev/null; then /a/say held listened; fi; ! arping -c 1 -w 1 127.0.0.1 >/dev/null 2>&1 || /a/say reached arping
Y
    links=$(ls /sys/class/net)
    attack --allow network.host c
    held "ip link set lo down" "ip addr add"
    same "$(ls /sys/class/net)" "$links"
}

# The builder, its jobs and every other process of this user, by every signal call (kill -1 as real root ends the machine).
t_signals() {
    not_on chroot # there is no PID namespace; 33-chroot.sh has what holds
    sleep 1000 &
    victim=$!
    trap 'kill $victim' EXIT
    box c signals <<Y
${base}RUN ["/a/signals", "$victim", "$$", "1"]
RUN --security=sandbox --network=host exec /a/signals $victim $$
Y
    attack --allow network.host c
    same "$status" 0
    same "$(grep -ac 'HELD: signals' attack.out)" 2
    kill -0 $victim || die "a process of the host was killed"
}

# The terminal of whoever builds: no controlling terminal, no descriptor, no node leads to it.
t_terminal() {
    needs script
    box c terminal <<Y
${base}RUN ["/a/terminal"]
RUN /a/terminal </dev/tty; setsid -c /a/terminal 2>/dev/null; true
Y
    status=0
    script -qec "'$CBUILD' --progress=plain --build-context tools='$ATTACK_TOOLS/root' c" typed >/dev/null 2>&1 </dev/null || status=$?
    same "$status" 0
    unharmed typed
    held_in typed TIOCSTI
    held_in typed "open /dev/tty"
}

# The relay of an ssh mount passes bytes: descriptors that are sent into it reach no agent of the host, and one that is
# open for writing in its queue keeps no layer writable.
t_descriptors_into_the_ssh_relay() {
    "$ATTACK_TOOLS/programs/agent" "$PWD/sock" ready >agent.out 2>&1 &
    agent=$!
    trap 'kill $agent' EXIT
    wait_for 20 test -e ready
    for kind in once many; do
        box "c$kind" flood <<Y
${base}RUN --mount=type=ssh echo own > /own && /a/flood $kind
Y
        attack --ssh default="$PWD/sock" "c$kind"
        [ "$status" = 0 ] || has "$out" "open for writing"
        held "sent"
    done
    ! grep REACHED agent.out || die "a descriptor reached the agent"
    kill -0 $agent
}

# A process of the builder for each connection, as many as a step opens, would be the end of the user's processes.
t_many_connections_to_the_ssh_relay() {
    "$ATTACK_TOOLS/programs/agent" "$PWD/sock" ready >agent.out 2>&1 &
    agent=$!
    trap 'kill $agent' EXIT
    wait_for 20 test -e ready
    box c crowd <<Y
${base}RUN --mount=type=ssh /a/crowd 200
Y
    attack --ssh default="$PWD/sock" c
    same "$status" 0
    held "a crowd"
    has "$out" again
}

# An agent that answers without end, or never reads, holds up neither the RUN nor the builder.
t_hostile_agent() {
    for kind in flood deaf; do
        rm -f ready sock
        "$ATTACK_TOOLS/programs/agent" "$PWD/sock" ready $kind >agent.out 2>&1 &
        agent=$!
        trap 'kill $agent' EXIT
        wait_for 20 test -e ready
        box "c$kind" flood <<Y
${base}RUN --mount=type=ssh /a/flood bytes
Y
        attack --no-cache --ssh default="$PWD/sock" "c$kind"
        same "$kind $status" "$kind 0"
        kill $agent
        trap - EXIT
    done
}
