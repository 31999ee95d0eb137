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
