# Where an image is written to as files of the host (-o DIR): what it names must become neither a program with more rights
# nor a device, and who owns the destination must gain nothing from a root that writes there.

# A directory of the destination is a link to a directory of the host at the next moment: its mode must stay as it is.
t_destination_swapped_while_it_is_written() {
    box c <<Y
FROM scratch
COPY --chmod=0777 empty/ /d/
Y
    mkdir -p c/empty
    mkdir dest victim
    chmod 700 victim
    "$ATTACK_TOOLS/programs/swap" dest d ../victim "$PWD/stop" >swap.out 2>&1 &
    swapper=$!
    trap 'touch stop' EXIT
    wait_for 20 test -e stop.ready
    for _ in $(seq 60); do
        attack -o dest c
        same "$(stat -c %a victim)" 700
    done
    touch stop
    wait $swapper
    held_in swap.out swapped
    same "$(ls victim)" ""
}

# Devices and set-id programs of an image would be those of the host: a program of uid 1000 that runs as whoever builds.
# An archive has them, as an archive.
t_devices_and_programs_stay_in_the_image() {
    for kind in devices setid; do
        python3 "$E2E_SUITE/hostiletar.py" $kind $kind.tar
    done
    oci layout lay devices.tar setid.tar
    printf 'FROM evil\n' >Dockerfile
    attack --build-context evil=oci-layout://"$PWD/lay" -o out -o type=tar,dest=out.tar .
    same "$status" 0
    same "$(find out -type b -o -type c -o -perm /6000)" ""
    same "$(find out -name 'suid-*' -perm 755 | wc -l)" 4
    has "$out" "'out' is without 10 device nodes and the set-user-ID and set-group-ID bits of 4 files; type=tar keeps them"
    tar -tvf out.tar >names
    has "$(cat names)" "-rwsr-sr-x 1000/1000"
    same "$(grep -c '^[bc]' names)" 10
    attack --build-context evil=oci-layout://"$PWD/lay" -o out . # over what is there
    same "$(find out -type b -o -type c -o -perm /6000)" ""
}

# What a cache mount starts with has the image's owners, or no set-id bits: never another's program as root's.
t_programs_of_a_cache_mount() {
    python3 "$E2E_SUITE/hostiletar.py" setid setid.tar
    oci layout lay setid.tar
    box c <<Y
${base}RUN --mount=type=cache,from=evil,target=/m stat -c '%n %u %a' /m/suid-* && touch /m/here
RUN --mount=type=cache,from=evil,target=/m ls /m/here /m/suid-0
Y
    attack --build-context evil=oci-layout://"$PWD/lay" c
    same "$status" 0
    has "$out" "/m/suid-1000 1000 6755"
    has "$out" "/m/suid-0 0 6755"
}
