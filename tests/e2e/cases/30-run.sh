# RUN: what a command sees, what it may do, how it ends.

t_exit_codes() {
    for code in 1 2 42 126 127 255; do
        context c <<X
${base}RUN exit $code
X
        fails 1 cbuild c
        has "$out" "exit code: $code"
    done
}

t_killed_by_a_signal() {
    context c <<X
${base}RUN sh -c 'kill -9 \$\$' ; echo "status \$?"
RUN ["/bin/sh", "-c", "sh -c 'kill -TERM \$\$'; exit \$?"]
X
    fails 1 cbuild --progress=plain c
    has "$out" "status 137"
    has "$out" "exit code: 143"
}

t_command_not_found() {
    context c <<X
${base}RUN ["/no/such/program"]
X
    fails 1 cbuild c
    has "$out" 'process "/no/such/program" did not complete'
    has "$out" "no such file or directory"
    printf 'FROM scratch\nCOPY Dockerfile /d\nRUN echo hi\n' >c/Dockerfile
    fails 1 cbuild c
    has "$out" "/bin/sh"
    has "$out" "Dockerfile:3"
}

t_not_executable() {
    context c <<X
${base}COPY data /data
RUN ["/data"]
X
    echo text >c/data
    fails 1 cbuild c
    has "$out" "ermission denied"
}

t_users_and_groups() {
    context c <<X
${base}COPY etc/ /etc/
USER root
RUN id -u > /root-id
USER 0:7
RUN id -g > /root-gid
X
    mkdir c/etc
    printf 'root:x:0:0::/root:/bin/sh\napp:x:1000:1000::/home/app:/bin/sh\n' >c/etc/passwd
    printf 'root:x:0:\napp:x:1000:\nextra:x:2000:app\n' >c/etc/group
    if [ "$E2E_USER" = single ]; then
        sed -i 's/0:7/0:0/' c/Dockerfile
        rootfs c
        same "$(cat root/root-id)" 0
        return
    fi
    cat >>c/Dockerfile <<X
USER root
RUN mkdir -m 777 /w
USER app
RUN id > /w/app && echo \$HOME > /w/home
USER 1000
RUN id -G > /w/groups
USER 1234:4321
RUN id > /w/number
USER app:extra
RUN id -g > /w/extra
X
    rootfs c
    same "$(cat root/root-gid)" 7
    has "$(cat root/w/app)" "uid=1000(app) gid=1000(app) groups="
    has "$(cat root/w/app)" "2000(extra)"
    same "$(cat root/w/home)" /home/app
    has "$(cat root/w/number)" "uid=1234 gid=4321"
    same "$(cat root/w/extra)" 2000
    has "$(listing)" "1000/1000"
}

t_unknown_user() {
    context c <<X
${base}USER nobodyhere
RUN true
X
    fails 1 cbuild c
    has "$out" nobodyhere
    has "$out" "Dockerfile:5"
}

t_workdir_and_env() {
    context c <<X
${base}ENV A="a b"
ENV B=\$A/c PATH=/bin:/x
WORKDIR /made/by
WORKDIR workdir
ARG V=1
RUN pwd > /pwd && env > /env && echo "\$V" > /v
RUN test -z "\$NOT_SET"
X
    cbuild --build-arg V=7 --build-arg UNUSED=x c 2>/dev/null
    rootfs --build-arg V=7 c
    same "$(cat root/pwd)" /made/by/workdir
    has "$(cat root/env)" "A=a b"
    has "$(cat root/env)" "B=a b/c"
    has "$(cat root/env)" "PATH=/bin:/x"
    has "$(cat root/env)" "V=7"
    hasnt "$(cat root/env)" UNUSED
    hasnt "$(cat root/env)" CBUILD_ROOT
    same "$(cat root/v)" 7
    [ -d root/made/by/workdir ] || die "WORKDIR made no directory"
}

# ARGs in history: also those that are kept out of the environment.
t_args_of_the_scanner() {
    context c <<X
${base}ARG BUILDKIT_SBOM_SCAN_STAGE=true
ARG U
RUN env > /env
FROM zero
ARG BUILDKIT_SBOM_SCAN_STAGE
CMD ["x"]
X
    sed -i 's/^FROM scratch/FROM scratch AS zero/' c/Dockerfile
    rootfs --build-arg http_proxy= --build-arg NO_PROXY=here c
    hasnt "$(cat root/env)" SCAN_STAGE
    hasnt "$(cat root/env)" http_proxy
    has "$(cat root/env)" no_proxy=here
    cbuild -t scan -o type=oci,dest=image.tar c
    has "$(python3 "$E2E_HERE/oci.py" config image.tar)" 'RUN |2 BUILDKIT_SBOM_SCAN_STAGE=true U= /bin/sh -c env > /env'
}

t_heredocs() {
    context c <<X
${base}RUN <<EOF
echo one > /one
echo two >> /one
EOF
RUN <<EOF cat > /two
\$PATH stays? no
EOF
RUN <<-"EOF" cat > /three
	\$PATH stays
	EOF
RUN <<A cat - /dev/fd/3 3<<B > /four
a
A
b
B
COPY <<X1 <<X2 /files/
first
X1
second
X2
RUN <<EOF
#!/bin/sed -n
1s/.*/shebang/w /five
EOF
X
    rootfs c
    same "$(cat root/one)" "one
two"
    same "$(cat root/three)" '$PATH stays'
    same "$(tr '\n' ' ' <root/four)" "a b "
    same "$(cat root/files/X1 root/files/X2 | tr '\n' ' ')" "first second "
}

t_shell_forms() {
    context c <<X
${base}SHELL ["/bin/sh", "-e", "-c"]
RUN echo "\$0" > /zero; echo "\$-" > /flags
RUN ["/bin/sh", "-c", "echo exec > /exec"]
RUN ["/bin/echo", "\$HOME", "no shell"]
RUN echo a \\
    # a comment
    b > /continued
X
    cbuild --progress=plain c 2>log
    has "$(cat log)" '$HOME no shell'
    rootfs c
    has "$(cat root/flags)" e
    same "$(cat root/continued)" "a b"
}

t_no_descriptors_leak() {
    context c <<X
${base}RUN ls -l /proc/self/fd > /fds; ls /proc/self/fd | sort -n | tr '\n' ' ' > /list
RUN ["/bin/sh", "-c", "ls /proc/self/fd | sort -n | tr '\\\\n' ' ' > /list2"]
RUN --mount=type=secret,id=s --mount=type=tmpfs,target=/t --mount=type=cache,target=/c ls /proc/self/fd | sort -n | tr '\n' ' ' > /list3
X
    echo x >secret
    # 3 is the directory that ls itself reads; ls writes into a pipe.
    exec 7</etc/passwd 9</dev/null
    rootfs --secret id=s,src=secret c
    for f in list list2 list3; do same "$(cat root/$f)" "0 1 2 3 "; done
    has "$(cat root/fds)" "0 -> /dev/null"
}

t_namespaces() {
    context c <<X
${base}RUN echo \$\$ > /pid; for n in user mnt pid ipc uts cgroup; do readlink /proc/self/ns/\$n; done > /ns; hostname > /host; ls /proc | grep -c '^[0-9]' > /count
X
    rootfs c
    for n in user mnt pid ipc uts cgroup; do
        hasnt "$(cat root/ns)" "$(readlink /proc/self/ns/$n)"
    done
    same "$(wc -l <root/ns)" 6
    [ "$(cat root/count)" -lt 6 ] || die "processes of the host are seen"
    same "$(cat root/pid)" 1
}

t_proc_and_sys_are_masked() {
    context c <<X
${base}RUN cat /proc/kcore 2>/dev/null | head -c 1 | wc -c > /kcore; ls /proc/acpi 2>/dev/null | wc -l > /acpi; cat /proc/keys | wc -c > /keys
RUN ! echo 1 > /proc/sys/kernel/domainname; ! echo h > /proc/sysrq-trigger; ! mkdir /sys/fs/cgroup/x; ! touch /sys/x; ! touch /proc/irq/x
RUN ls /dev | sort | tr '\n' ' ' > /devs; echo x > /dev/null; head -c 4 /dev/urandom | wc -c > /rnd; test -w /dev/shm; ls -l /dev/fd /dev/stdin > /links
X
    rootfs c
    same "$(cat root/kcore)$(cat root/acpi)$(cat root/keys)" 000
    same "$(cat root/devs)" "fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero "
    same "$(cat root/rnd)" 4
}

t_capabilities() {
    context c <<X
${base}RUN grep Cap /proc/self/status > /caps; grep -i -e NoNewPrivs -e Seccomp: /proc/self/status > /sec
RUN ! mount -t tmpfs none /mnt; ! chroot / true 2>/dev/null; ! hostname x; true
X
    rootfs c
    has "$(grep CapEff root/caps)" 00000000a80425fb
    has "$(grep CapBnd root/caps)" 00000000a80425fb
    has "$(grep CapInh root/caps)" 0000000000000000
    has "$(grep CapAmb root/caps)" 0000000000000000
    has "$(cat root/sec)" "Seccomp:	2"
}

t_entitlements() {
    context c <<X
${base}RUN --security=insecure grep CapEff /proc/self/status
X
    fails 1 cbuild c
    has "$out" security.insecure
    cbuild --progress=plain --allow security.insecure c 2>log
    hasnt "$(grep CapEff log)" 00000000a80425fb
    printf '%sRUN --network=host true\n' "$base" >c/Dockerfile
    fails 1 cbuild c
    has "$out" network.host
    cbuild --allow network.host c 2>/dev/null
}

t_network_none() {
    context c <<X
${base}RUN --network=none ls /sys/class/net > /net; ip addr | grep -c UP > /up
X
    rootfs c
    same "$(cat root/net)" lo
    printf '%sRUN cat /proc/net/dev | grep -c : > /n; cat /etc/resolv.conf > /dev/null; grep localhost /etc/hosts > /h\n' "$base" >c/Dockerfile
    rootfs --network=none c
    same "$(cat root/n)" 1
    has "$(cat root/h)" 127.0.0.1
}

t_add_host_ulimit_shm() {
    context c <<X
${base}RUN grep here.example /etc/hosts > /h; grep host.example /etc/hosts >> /h; ulimit -n > /n; df -k /dev/shm | tail -n 1 > /shm
X
    rootfs --network=host --add-host here.example:10.1.2.3 --add-host=host.example=host-gateway --ulimit nofile=77:88 --shm-size 3m c
    same "$(awk '{ print $1 }' root/h | tr '\n' ' ')" "10.1.2.3 127.0.0.1 "
    same "$(cat root/n)" 77
    has "$(cat root/shm)" 3072
}

t_limits_beyond_our_own() {
    context c <<X
${base}RUN ulimit -n > /n; ulimit -Hn >> /n
X
    (ulimit -Sn 300 && ulimit -Hn 400 && cbuild --ulimit nofile=200:300 -o out c 2>log)
    hasnt "$(cat log)" "--ulimit"
    same "$(tr '\n' ' ' <out/n)" "200 300 "
    rm -rf out
    (ulimit -Sn 300 && ulimit -Hn 400 && cbuild --no-cache --ulimit nofile=500:600 -o out c 2>log)
    case $(tr '\n' ' ' <out/n) in
    "500 600 ") hasnt "$(cat log)" "--ulimit" ;; # we may raise them
    "400 400 ") same "$(grep -c -e '--ulimit nofile: .*400' log)" 1 ;;
    *) die "$(cat out/n log)" ;;
    esac
    rm -rf out
    (ulimit -Sn 300 && ulimit -Hn 400 && cbuild --no-cache --ulimit nofile=-1 -o out c 2>log)
    most=$(sed -n 2p out/n) # also for root there are only so many
    [ "$most" = 400 ] || same "$most" "$(cat /proc/sys/fs/nr_open)"
    same "$(grep -c -e "--ulimit nofile: .*$most" log)" 1
}

# As <(command): it can be read once, and whoever writes it may take a moment.
t_secrets_from_pipes() {
    context c <<X
${base}RUN --mount=type=secret,id=s cp /run/secrets/s /one && cat /run/secrets/s
RUN --mount=type=secret,id=s --mount=type=secret,id=e,env=E --mount=type=secret,id=none cp /run/secrets/s /two && echo "\$E" >/env
X
    mkfifo pipe
    (sleep 1 && printf 'slow-' && sleep 1 && echo word) >pipe &
    export VALUE=shown
    rootfs --progress=plain --secret id=s,src=pipe --secret id=e,env=VALUE c
    same "$(cat root/one root/two root/env | tr '\n' ' ')" "slow-word slow-word shown "
    hasnt "$(cat build.log)" slow-word
    hasnt "$(grep -r slow-word "$CBUILD_ROOT/records" "$CBUILD_ROOT/work" 2>&1)" slow-word
    rootfs --no-cache --secret id=s,src=/dev/fd/9 --secret id=e,env=VALUE c 9<<X
from a file descriptor
X
    same "$(cat root/two)" "from a file descriptor"
    head -c 400000 /dev/zero | rootfs --no-cache --secret id=s,src=/dev/stdin --secret id=e,env=VALUE c
    same "$(wc -c <root/one)" 400000
    head -c 600000 /dev/zero >big && fails 1 sh -c 'cat big | "$CBUILD" --no-cache --secret id=s,src=/dev/stdin c'
    has "$out" "secret 's': '/dev/stdin' has more than 500 KiB"
    has "$out" "Dockerfile:4"
}

t_small_stack() {
    context c <<X
${base}RUN --mount=type=cache,target=/c seq 9 >/c/n && cp /c/n /n
X
    (ulimit -Ss 256 && cbuild -o out c 2>log) || die "$(cat log)"
    same "$(wc -l <out/n)" 9
}

t_streams_by_their_names() {
    context c <<X
${base}COPY etc/ /etc/
USER app
RUN echo one > /dev/stdout; echo two >> /dev/stderr; echo three > /proc/self/fd/2
X
    mkdir c/etc
    printf 'app:x:1000:1000::/:/bin/sh\n' >c/etc/passwd
    [ "$E2E_USER" != single ] || sed -i /USER/d c/Dockerfile
    cbuild --progress=plain c 2>log
    for word in one two three; do grep -q "^#.* $word\$" log || die "$word: $(cat log)"; done
}

t_tmpfs_and_bind_mounts() {
    context c <<X
${base}RUN --mount=type=tmpfs,target=/tmp/t,size=1m touch /tmp/t/x && df -k /tmp/t | grep 1024 && ! dd if=/dev/zero of=/tmp/t/big bs=1M count=2 2>/dev/null
RUN --mount=target=/ctx cat /ctx/in > /in && ! touch /ctx/no 2>/dev/null
RUN --mount=target=/ctx,rw echo x > /ctx/yes && cat /ctx/yes > /yes
RUN --mount=type=bind,source=sub/f,target=/f cat /f > /f2
RUN --mount=from=tool,source=/bin,target=/other ls /other/busybox
X
    sed -i '1i FROM scratch AS tool\nCOPY busybox /bin/busybox' c/Dockerfile
    mkdir c/sub && echo ctx >c/in && echo sub >c/sub/f
    rootfs c
    same "$(cat root/in root/yes root/f2 | tr '\n' ' ')" "ctx x sub "
    [ ! -e c/yes ] || die "a bind mount wrote into the context"
    [ ! -e root/ctx ] && [ ! -e root/f ] && [ ! -e root/other ] && [ ! -e root/tmp ] || die "mount points stay: $(ls root)"
}

t_cache_mounts() {
    context c <<X
${base}ARG N
RUN --mount=type=cache,target=/cache echo \$N >> /cache/log && cat /cache/log > /log
X
    cbuild --build-arg N=1 c 2>/dev/null
    rootfs --build-arg N=2 c
    same "$(tr '\n' ' ' <root/log)" "1 2 "
    [ ! -e root/cache ] || die "the cache is in the image"
    cbuild cache reset --force >/dev/null
    rootfs --build-arg N=3 c
    same "$(tr '\n' ' ' <root/log)" "3 "
}

t_secrets() {
    context c <<X
${base}RUN --mount=type=secret,id=tok cat /run/secrets/tok > /s1; stat -c %a /run/secrets/tok > /mode
RUN --mount=type=secret,id=tok,env=TOK echo \$TOK > /s2; test ! -e /run/secrets/tok
RUN --mount=type=secret,id=gone true; test ! -e /run/secrets/gone
X
    echo geheim >secret
    rootfs --secret id=tok,src=secret c
    same "$(cat root/s1 root/s2 | tr '\n' ' ')" "geheim geheim "
    same "$(cat root/mode)" 400
    [ ! -e root/run ] || die "the mount point stays"
    E2E_TOKEN=fromenv
    export E2E_TOKEN
    rootfs --no-cache --secret id=tok,env=E2E_TOKEN c
    same "$(cat root/s1)" fromenv
    printf '%sRUN --mount=type=secret,id=must,required=true true\n' "$base" >c/Dockerfile
    fails 1 cbuild c
    has "$out" must
    grep -rqs geheim "$CBUILD_ROOT/records" && die "a secret is in the records" || true
}

t_secrets_in_output() {
    printf 'first line\nsecond line\n' >secret
    context c <<X
${base}RUN --mount=type=secret,id=s cat /run/secrets/s; printf 'x%sx' "\$(head -n 1 /run/secrets/s)" >&2; exit 3
X
    fails 1 cbuild --secret id=s,src=secret c
    hasnt "$out" "first line"
    hasnt "$out" "second line"
    has "$out" "x****x"
    fails 1 cbuild --progress=rawjson --secret id=s,src=secret c
    out=$(echo "$out" | jq -Rr 'fromjson? | .logs[]?.data | @base64d')
    hasnt "$out" "first line"
    has "$out" "x****x"
}

t_ssh_agent() {
    needs ssh-agent
    eval "$(ssh-agent -a "$PWD/agent.sock")" >/dev/null
    trap 'kill $SSH_AGENT_PID' EXIT
    context c <<X
${base}RUN --mount=type=ssh test -S "\$SSH_AUTH_SOCK" && echo \$SSH_AUTH_SOCK > /sock
X
    rootfs --ssh default="$PWD/agent.sock" c
    has "$(cat root/sock)" agent
    [ ! -e root/run ] || die "the mount point stays"
    sed -i 's/type=ssh/type=ssh,required/' c/Dockerfile
    fails 1 cbuild --no-cache c
    has "$out" ssh
}

t_background_processes_end() {
    context c <<X
${base}RUN (setsid sh -c 'sleep $((2000000 + $$)); touch /never' >/dev/null 2>&1 &) ; sleep $((9000000 + $$)) & echo started
RUN test ! -e /never
X
    cbuild c 2>log
    sleep 0.2
    for p in /proc/[0-9]*/cmdline; do
        line=$(tr '\0' ' ' <"$p" 2>/dev/null) || continue
        case $line in "sleep $((2000000 + $$)) "* | "sleep $((9000000 + $$)) "*) die "still there: $p $line" ;; esac
    done
}

t_output_is_streamed() {
    context c <<X
${base}RUN echo early; sleep 3; echo late
X
    cbuild --progress=plain c 2>log &
    pid=$!
    wait_for 20 grep -q ' early$' log
    grep -q '[0-9] late$' log && die "it came at once"
    wait $pid
    has "$(cat log)" late
}

t_output_of_every_kind() {
    context c <<X
${base}RUN printf 'no newline'; printf '\\\\033[31mred\\\\033[0m\\\\a\\\\n' >&2; head -c 300000 /dev/zero | tr '\\\\0' x; echo; seq 2000
X
    cbuild --progress=plain c 2>log
    has "$(cat log)" "no newline"
    has "$(cat log)" " 2000"
    LC_ALL=C grep -q "$(printf '\007')" log && die "a bell reaches the terminal" || true
}

# Nothing that a command prints is hidden by what it prints before.
t_output_with_nuls() {
    context c <<X
${base}RUN printf seen; head -c 2 /dev/zero; echo after; head -c 1 /dev/zero >&2; echo also >&2
X
    cbuild --progress=plain c 2>log
    has "$(cat log)" 'seen\x00\x00after'
    has "$(cat log)" '\x00also'
    cbuild --no-cache --progress=rawjson c 2>log >&2
    has "$(jq -r '.logs[]?.data | @base64d' log)" 'seen\x00\x00after'
}

t_a_context_of_stdin() {
    context c <<X
${base}COPY f /f
X
    echo f >c/f
    (cd c && tar -c .) | cbuild -q - >id1
    cbuild -q c >id2
    same "$(cat id1)" "$(cat id2)"
    printf 'FROM scratch\nCOPY <<E /e\nx\nE\n' | cbuild -q - >id3
    has "$(cat id3)" sha256:
    printf 'FROM scratch\nCOPY f /\n' | cbuild -q -f - c >id4
    has "$(cat id4)" sha256:
}

t_capabilities_of_the_command_line() {
    context c <<Y
${base}RUN grep -e CapEff -e CapBnd -e NoNew -e Seccomp: /proc/self/status | tr -d '\n\t' >/s; (mount -t tmpfs x /bin && echo mounted; true) >>/s 2>/dev/null
Y
    sees() { # sees TEXT ARGS…: what the RUN then says of itself
        text=$1
        shift
        rootfs "$@" c
        same "$(cat root/s)" "$text"
    }
    docker=00000000a80425fb
    sees "CapEff:${docker}CapBnd:${docker}NoNewPrivs:0Seccomp:2"
    sees "CapEff:${docker}CapBnd:${docker}NoNewPrivs:1Seccomp:2" --security-opt no-new-privileges
    case $E2E_USER in single) own=2 ;; *) own=0 ;; esac # the filter that emulates ids refuses nothing
    sees "CapEff:${docker}CapBnd:${docker}NoNewPrivs:0Seccomp:$own" --security-opt seccomp=unconfined
    sees "CapEff:00000000a82425fbCapBnd:00000000a82425fbNoNewPrivs:0Seccomp:2mounted" --cap-add=sys_admin
    sees "CapEff:0000000000000001CapBnd:0000000000000001NoNewPrivs:0Seccomp:2" --cap-drop=ALL --cap-add CAP_CHOWN
    # The key has it: nothing was taken from a build with other rights, and what ran so once is not run again.
    cbuild --progress=plain --cap-drop=ALL --cap-add CAP_CHOWN c 2>log
    has "$(cat log)" "CACHED [3/3] RUN"
    fails 2 cbuild --cap-add nothing c
    has "$out" 'unknown capability "nothing"'
    fails 2 cbuild --security-opt colour=red c
    has "$out" "'colour=red' is no security option"
}

t_seccomp_profile_of_the_user() {
    context c <<Y
${base}RUN mkdir /made || echo no >/refused
Y
    printf '{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO"}]}' >profile
    rootfs --security-opt seccomp=profile c
    [ -e root/refused ] && [ ! -e root/made ] || die "the profile does nothing"
    sed -i 's/ERRNO/ALLOW/' profile
    rootfs --security-opt seccomp=profile c
    [ -e root/made ] || die "another profile changes nothing"
    sed -i 's/ALLOW"}/PRAISE"}/' profile
    fails 2 cbuild --security-opt seccomp=profile c
    has "$out" "seccomp profile 'profile': syscalls[0].action: unknown value 'SCMP_ACT_PRAISE'"
}

t_masked_paths_of_the_command_line() {
    context c <<Y
${base}RUN touch /secret; wc -c </proc/interrupts >/interrupts; wc -c </bin/busybox >/size
Y
    rootfs --security-opt mask=/bin/nothing --security-opt unmask=/proc/interrupts c
    [ "$(cat root/interrupts)" != 0 ] || die "/proc/interrupts is masked"
    rootfs c
    same "$(cat root/interrupts)" 0
    printf '%sRUN test ! -s /etc/hosts && ls /usr >/list\n' "${base}RUN mkdir -p /usr/x
" >c/Dockerfile
    rootfs --security-opt mask=/etc/hosts:/usr c
    same "$(cat root/list)" ""
}

# As with Docker, and unlike with kaniko in a restricted pod: no_new_privs is not set.
t_programs_that_change_the_user() {
    only root range
    context c <<Y
${base}COPY --chmod=644 passwd shadow /etc/
RUN cp /bin/busybox /bin/su-root && chmod 4755 /bin/su-root && ln -sf su-root /bin/su && mkdir -m 777 /w
USER app
RUN id -u >/w/app; /bin/su root -c 'id -u; touch /bin/made' >/w/root; /bin/su - >/w/login -c 'echo \$HOME'
RUN /bin/su root -c '/bin/su app -c "id -u"' >/w/back
Y
    printf 'root::0:0::/root:/bin/sh\napp::1000:1000::/w:/bin/sh\n' >c/passwd
    printf 'root::1::::::\napp::1::::::\n' >c/shadow
    rootfs c
    same "$(cat root/w/app root/w/root root/w/login root/w/back | tr '\n' ' ')" "1000 0 /root 1000 "
    fails 1 cbuild --security-opt no-new-privileges c
    has "$out" "must be suid"
}
