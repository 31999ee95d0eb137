# Descriptors that a process of one step hands to another: what they lead to is published, and stays as it was published.

# Two steps at once with a cache mount between them; `hand` gives the receiver something of its root and ends, the third
# step starts when the first one's layer is made and says so, and then the receiver uses what it got.
between() { # between WHAT [CHANNEL]
    not_on chroot # each of two steps has a cache mount to itself there
    box c hand <<Y
FROM scratch AS base
COPY --from=tools / /
COPY a/ /a/
RUN mkdir /d && echo made > /d/made
FROM base AS one
RUN --mount=type=cache,target=/c echo made > /d/new && echo one > /d/one && /a/hand give ${2:-/c/socket} $1
FROM base AS two
RUN --mount=type=cache,target=/c /a/hand take ${2:-/c/socket} $1 /c/committed && echo two > /two
FROM one AS three
RUN --mount=type=cache,target=/c touch /c/committed && cat /d/*
FROM scratch
COPY --from=one /d /one
COPY --from=two /two /two
COPY --from=three /d /three
Y
    attack --jobs 4 c
}
# Nothing of it may be changed through the directory.
read_only() {
    same "$status" 0
    held "openat: EROFS" "mkdirat: EROFS" "unlinkat: EROFS" "renameat: EROFS" "linkat: EROFS" "symlinkat: EROFS" \
        "fchmod: EROFS" "fchmodat: EROFS" "fsetxattr: EROFS" "utimensat: EROFS" "fchown: EROFS"
}

# A layer that is changed after it was published is what other projects execute (the content ID still says the old one).
t_root_directory_to_a_parallel_step() {
    between root
    read_only
}
t_directory_below_to_a_parallel_step() {
    between dir
    read_only
}
# A process of the receiver may have it as its working directory, and a descriptor opened for reading only can be opened
# again through /proc.
t_file_to_a_parallel_step_for_reading() {
    between reading
    same "$status" 0
    held "open for writing again: EROFS" "fchmod: EROFS" "truncate: EROFS"
}
# Still in the queue of a socket, when the layer is made: nobody has it open, and yet it is.
t_directory_in_flight() {
    between flight
    read_only
}

# What can still be written when the step ends makes the layer something that nobody can know: the step fails.
open_for_writing() {
    same "status $status" "status 1"
    has "$out" "open for writing"
}
t_file_open_for_writing() {
    between writing
    open_for_writing
}
t_file_in_flight_for_writing() {
    between writing-flight
    open_for_writing
}
t_mapped_file() {
    between map
    open_for_writing
}
t_file_without_a_name() {
    between unnamed
    open_for_writing
}
# Removed before the end: it is in no layer, but a hard link through /proc would put it there.
t_removed_file_open_for_writing() {
    between removed
    [ "$status" = 0 ] || has "$out" "open for writing"
}
# Through an abstract socket, for which no mount has to be shared (where the kernel allows that).
t_through_an_abstract_socket() {
    between root "@attack-$$"
    [ "$status" = 1 ] && held socket || read_only
}

# A step that changed nothing leaves its run directory to the next one: then the root of the first would show what the second
# writes.
t_root_of_a_step_that_changed_nothing() {
    not_on chroot # as above
    box c hand <<Y
FROM scratch AS base
COPY --from=tools / /
COPY a/ /a/
RUN mkdir -p /proc /sys /dev
FROM base AS one
RUN --mount=type=cache,target=/c /a/hand give /c/socket unchanged
RUN --mount=type=cache,target=/c echo x >/private; touch /c/written; for i in \$(seq 100); do [ -e /c/read ] && break; sleep 0.1; done
FROM base AS two
RUN --mount=type=cache,target=/c /a/hand take /c/socket unchanged /c/written; touch /c/read
FROM scratch
COPY --from=one /private /private
COPY --from=two /a/hand /hand
Y
    attack --jobs 4 c
    same "$status" 0
    held "what the next step wrote"
}

# An insecure step has rights over the file systems of the others: it could make one that was shut writable again. So no other
# step runs beside it.
t_beside_an_insecure_step() {
    not_on chroot # as above
    box c <<Y
# syntax=docker/dockerfile:1-labs
FROM scratch AS base
COPY --from=tools / /
COPY a/ /a/
FROM base AS one
RUN --mount=type=cache,target=/c touch /c/one; for i in \$(seq 15); do [ -e /c/insecure ] && /a/say reached "both at once"; sleep 0.1; done; rm /c/one
FROM base AS two
RUN --security=insecure --mount=type=cache,target=/c touch /c/insecure; for i in \$(seq 15); do [ -e /c/one ] && /a/say reached "both at once"; sleep 0.1; done; rm /c/insecure; /a/say held "alone"
FROM scratch
COPY --from=one /a/say /one
COPY --from=two /a/say /two
Y
    attack --jobs 4 --allow security.insecure c
    same "$status" 0
    held alone
}

# Nobody has these any more, but the kernel does not close them by itself: what ends is no attack, and the step succeeds.
t_sockets_that_carry_each_other() {
    box c cycle <<Y
${base}$(for i in 1 2 3 4 5 6 7 8; do echo "RUN /a/cycle /left-$i"; done)
Y
    attack c
    same "$status" 0
}
