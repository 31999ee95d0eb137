# What is executed: the paths of programs, interpreters, loaders, working directories and users' files are the image's.

# The numbers that descriptors of the builder may have.
numbers='3 4 5 6 7 8 10 13'

# A stage a number; each must fail or run something of the image, and the host's program runs in none.
through_descriptors() { # through_descriptors DIR: its Dockerfile has stages s3, s4, …
    for n in $numbers; do
        attack --target "s$n" "$1"
        [ "$status" = 0 ] || has "$out" 'process "' # the command was tried
    done
}

# CVE-2024-21626 (runc): the command itself leads through a descriptor of the builder to a program of the host.
t_command_through_a_descriptor() {
    up=$(from_above "$CASE_DIR/beside/run")
    {
        echo "$base" | sed 's/scratch/scratch AS base/'
        for n in $numbers; do printf 'FROM base AS s%s\nRUN ["/proc/self/fd/%s/%s"]\n' "$n" "$n" "$up"; done
    } | box c
    through_descriptors c
}

# The same by $PATH, which tries many descriptors and depths in one step; also by other names of the directory.
t_search_path_through_descriptors() {
    up=$(from_above "$CASE_DIR/beside")
    list=
    for n in $(seq 0 40); do
        for fds in /proc/self/fd /proc/1/fd /proc/thread-self/fd /proc/self/task/1/fd /dev/fd /proc/self/root/proc/self/fd; do
            list=$list:$fds/$n/$up:$fds/$n/../../../beside:$fds/$n/../../../../beside:$fds/$n
        done
    done
    box c <<Y
${base}ENV PATH=${list#:}
RUN ["run"]
Y
    refused c
    has "$out" "could not be started"
}

# The same as the interpreter of a script, and two scripts away.
t_script_through_a_descriptor() {
    up=$(from_above "$CASE_DIR/beside/run")
    {
        echo "$base" | sed 's/scratch/scratch AS base/'
        for n in $numbers; do printf 'FROM base AS s%s\nCOPY s%s/ /\nRUN ["/one"]\n' "$n" "$n"; done
    } | box c
    for n in $numbers; do
        mkdir "c/s$n"
        ln -s "/proc/self/fd/$n/$up" "c/s$n/link"
        echo "#!/link" >"c/s$n/two"
        echo "#!/two" >"c/s$n/one"
        chmod 755 "c/s$n/one" "c/s$n/two"
    done
    through_descriptors c
}

# The same as the image's shell.
t_shell_is_a_link_through_a_descriptor() {
    up=$(from_above "$CASE_DIR/beside/run")
    {
        echo "$base" | sed 's/scratch/scratch AS base/'
        for n in $numbers; do printf 'FROM scratch AS s%s\nCOPY s%s/ /\nRUN true\n' "$n" "$n"; done
    } | box c
    for n in $numbers; do mkdir -p "c/s$n/bin" && ln -s "/proc/self/fd/$n/$up" "c/s$n/bin/sh"; done
    through_descriptors c
}

# The same as the loader that an ELF file names (PT_INTERP): the kernel opens it itself.
t_loader_through_a_descriptor() {
    needs gcc
    up=$(from_above "$CASE_DIR/beside/run")
    {
        echo "$base" | sed 's/scratch/scratch AS base/'
        for n in $numbers; do printf 'FROM base AS s%s\nCOPY s%s/ /\nCOPY elf /elf\nRUN ["/elf"]\n' "$n" "$n"; done
    } | box c
    gcc -O1 -nostdlib -pie -fPIE -ffreestanding -fno-stack-protector -Wl,--dynamic-linker,/ld -o c/elf "$E2E_SUITE/programs/ident.c"
    for n in $numbers; do mkdir "c/s$n" && ln -s "/proc/self/fd/$n/$up" "c/s$n/ld"; done
    through_descriptors c
}

# CVE-2024-21626's first form: the working directory is a descriptor, from which the host's files are read.
t_workdir_through_a_descriptor() {
    up=$(from_above "$CASE_DIR/beside")
    {
        echo "$base" | sed 's/scratch/scratch AS base/'
        for n in $numbers; do
            printf 'FROM base AS s%s\nWORKDIR /proc/self/fd/%s/%s\nRUN /bin/cat text run ../w/canary; true\n' "$n" "$n" "$up"
        done
    } | box c
    through_descriptors c
    box d <<Y
${base}COPY w/ /
WORKDIR /w
RUN /bin/cat text ./run; /bin/pwd
Y
    for n in 4 7; do
        mkdir -p d/w
        ln -sfn "/proc/self/fd/$n/$up" d/w/w
        attack d
    done
}

# CVE-2019-5736 (runc): between clone and exec the process is the builder, whose binary its own name executes with the
# image's loader; that can then change the file. Every name of it, as command, script interpreter, shell and loader.
t_builder_executes_itself() {
    needs gcc readelf
    loader=$(readelf -lW "$CBUILD" | sed -n 's/.*interpreter: \(.*\)\]/\1/p')
    names='/proc/self/exe /proc/1/exe /proc/thread-self/exe /proc/self/task/1/exe /proc/self/root/proc/self/exe /dev/fd/../exe'
    {
        printf 'FROM scratch AS base\nCOPY --from=tools / /\nCOPY a/ /a/\n'
        [ -z "$loader" ] || printf 'COPY --chmod=755 a/ident %s\n' "$loader"
        printf 'COPY --chmod=755 script shell elf /\nCOPY links/ /\n'
        n=0
        for name in $names; do n=$((n + 1)) && printf 'FROM base AS n%s\nRUN ["%s", "--version"]\n' $n "$name"; done
        printf 'FROM base AS script\nRUN ["/script"]\nFROM base AS link\nRUN ["/link"]\n'
        printf 'FROM base AS shell\nSHELL ["/proc/self/exe", "-c"]\nRUN true\nFROM base AS elf\nRUN ["/elf"]\n'
    } | box c ident
    echo '#!/proc/self/exe' >c/script
    echo '#!/link' >c/shell
    mkdir c/links
    ln -s /proc/self/exe c/links/link
    gcc -O1 -nostdlib -pie -fPIE -ffreestanding -fno-stack-protector -Wl,--dynamic-linker,/proc/self/exe -o c/elf \
        "$E2E_SUITE/programs/ident.c"
    # shellcheck disable=SC2046 # words
    for target in $(seq $(echo "$names" | wc -w) | sed 's/^/n/') script link shell elf; do
        attack --target "$target" c
        [ "$status" = 0 ] || has "$out" 'process "'
    done
}

# Everything that /proc shows of every process inside: programs, roots, descriptors, mapped files. None is the host's.
t_look_around_in_proc() {
    box c look <<Y
${base}RUN --mount=type=cache,target=/c --mount=type=tmpfs,target=/t --mount=target=/ctx --mount=type=secret,id=s /a/look
RUN ["/a/look"]
Y
    echo s >s
    attack --secret id=s,src=s c
    same "$status" 0
    same "$(grep -ac 'HELD: looked' attack.out)" 2
}

# A program without a file (memfd) and one that was removed: what they are is still nothing of the host.
t_programs_without_a_name() {
    box c nameless ident <<Y
${base}RUN ["/a/nameless", "/a/ident"]
Y
    attack c
    same "$status" 0
    same "$(grep -ac 'IDENT ran' attack.out)" 2
}

# A format of the machine's own (binfmt_misc) with the attacker's interpreter would run for every user's programs.
t_binfmt_misc() {
    box c tries <<Y
${base}RUN /a/tries write /proc/sys/fs/binfmt_misc/register ':attack:M::ATTACK::/a/say:'; mkdir /mnt; /a/tries mount binfmt_misc /mnt
Y
    attack c
    held "write /proc/sys/fs/binfmt_misc/register" "mount binfmt_misc"
}

# The image's /etc/passwd and /etc/group are looked up by the builder: links through descriptors, devices, pipes without
# a writer, and files without an end must neither show the host's, nor hang, nor fill the memory.
t_hostile_passwd() {
    up=$(from_above "$CASE_DIR/beside/text")
    for kind in host fd proc self fifo zero sparse dir; do
        box "c$kind" <<Y
${base}COPY make /make
RUN ["/bin/sh", "/make"]
USER nobodyhere
RUN cat /etc/passwd; true
Y
        case $kind in
        host) command="ln -s ../../../../../../../../../../etc/passwd /etc/passwd" ;;
        fd) command="ln -s /proc/self/fd/5/$up /etc/passwd" ;;
        proc) command="ln -s /proc/1/root/etc/passwd /etc/passwd" ;;
        self) command="ln -s /proc/self/environ /etc/passwd" ;;
        fifo) command="mkfifo /etc/passwd" ;;
        zero) command="ln -s /dev/zero /etc/passwd" ;;
        sparse) command="truncate -s 1G /etc/passwd" ;;
        dir) command="mkdir /etc/passwd" ;;
        esac
        echo "mkdir -p /etc; rm -f /etc/passwd; $command; true" >"c$kind/make"
        refused "c$kind"
        has "$out" nobodyhere
        rm -rf "c$kind"
    done
}
