# Many builds at once (tests/storm); more rounds by hand.

t_sixteen_builds_at_once() {
    only root
    TMPDIR=$PWD "$E2E_HERE/../storm/run" "$CBUILD" --rounds 2 store || die "with one store"
}

t_four_stores_share() {
    only root
    TMPDIR=$PWD "$E2E_HERE/../storm/run" "$CBUILD" --rounds 2 local || die "with four stores"
}

t_processes_of_builds_die() {
    only root
    TMPDIR=$PWD "$E2E_HERE/../storm/run" "$CBUILD" --rounds 2 killed-local || die "with processes that die"
}
