# Owners and ids. Whoever runs it, with ids of his own or told of them by the supervisor, the image is the same.

# Everything that a command can do to owners, in one image. The outputs that it keeps are what the kernel would have said.
owners() {
    mkdir -p c/t/d
    echo text >c/t/d/f
    ln -s f c/t/d/l
    tar -C c --owner=1234 --group=77 --sort=name --mtime=@1 -cf c/t.tar t
    rm -r c/t
    context c <<X
${base}RUN mkdir -p /etc /home/app /out && printf 'root:x:0:0::/root:/bin/sh\napp:x:1000:1000::/home/app:/bin/sh\n' >/etc/passwd \
 && printf 'root:x:0:\napp:x:1000:\ngrp:x:77:app\n' >/etc/group && chown 1000:1000 /home/app /out
ADD t.tar /x
COPY --chown=33:44 t.tar /y/z
RUN chown -h 9:9 /x/t/d/l; chown -R app:grp /y; ln /x/t/d/f /x/hard; mv /y/z /y/w; mkfifo -m 600 /x/p; chown 5:6 /x/p; touch -d @1 /x/p
RUN find /x /y -exec stat -c '%n %u:%g %a' {} \; | sort >/out/lower
RUN chown 0:0 /x/t/d/f; mv /x/t/d/l /x/moved; cp -a /x/t/d /x/copy; rm /x/p; touch /x/p; chmod 4755 /y/w; chown 7 /y/w; stat -c %a /y/w >/out/bits
USER app
RUN id >/out/id; cd; echo a >a; mkdir b; ln -s a c; mkfifo d; stat -c '%n %u:%g' a b c d >/out/made; chown 0 a 2>>/out/refused; chgrp 77 a; \
 chgrp 5 a 2>>/out/refused; touch /etc/no 2>>/out/refused; stat -c %u:%g a /proc/self /etc/passwd >>/out/made; \
 [ "\$(stat -L -c %u /proc/self/fd/1)" ]
USER root
RUN mkdir /sg; chown 0:77 /sg; chmod 2775 /sg; touch /sg/f; mkdir /sg/d; su app -c 'id; touch /sg/byapp; mkdir /sg/byapp.d' >/out/su; \
 stat -c '%n %u:%g %a' /sg /sg/f /sg/d /sg/byapp /sg/byapp.d >/out/sg; tar -C /x -cf /x.tar t; mkdir /un; tar -C /un -xpf /x.tar; rm /x.tar
RUN mkdir -p /ch/bin /ch/d; cp /bin/busybox /ch/bin; chroot /ch /bin/busybox chown 8:9 /d; chroot /ch /bin/busybox stat -c %u:%g /d >/out/ch
RUN cp /bin/busybox /bin/suid; chmod 4755 /bin/suid; su app -c '/bin/suid id -u; /bin/suid su root -c id' >/out/suid 2>&1; rm /bin/suid
USER 33:44
RUN id >/tmp/id 2>/dev/null; id
X
}

t_owners_are_the_same_for_everybody() {
    owners
    rootfs c
    same "$(cat root/out/lower)" "/x 0:0 755
/x/hard 1234:77 644
/x/p 5:6 600
/x/t 1234:77 755
/x/t/d 1234:77 755
/x/t/d/f 1234:77 644
/x/t/d/l 9:9 777
/y 1000:77 755
/y/w 1000:77 644"
    same "$(cat root/out/id)" "uid=1000(app) gid=1000(app) groups=77(grp),1000(app)"
    same "$(cat root/out/made)" "a 1000:1000
b 1000:1000
c 1000:1000
d 1000:1000
1000:77
$(sed -n 6p root/out/made)
0:0"
    same "$(cat root/out/refused)" "chown: a: Operation not permitted
chgrp: a: Operation not permitted
touch: /etc/no: Permission denied"
    same "$(cat root/out/su root/out/sg root/out/ch root/out/bits)" "uid=1000(app) gid=1000(app) groups=77(grp),1000(app)
/sg 0:77 2775
/sg/f 0:77 644
/sg/d 0:77 2755
/sg/byapp 1000:77 644
/sg/byapp.d 1000:77 2755
8:9
755"
    listing | awk '{ print $1, $2, $6 }' | grep -E ' (x|y|home|sg|un|ch)/' >list
    has "$(cat list)" "-rw-r--r-- 0/0 x/t/d/f"
    has "$(cat list)" "lrwxrwxrwx 9/9 x/moved"
    has "$(cat list)" "lrwxrwxrwx 1000/1000 home/app/c"
    has "$(cat list)" "prw-r--r-- 1000/1000 home/app/d"
    has "$(cat list)" "-rwxr-xr-x 7/77 y/w"
    has "$(cat list)" "-rw-r--r-- 0/0 x/p"
    has "$(cat list)" "-rw-r--r-- 1000/77 sg/byapp"
}

without_ids() { # as its user who may not use the ids any more
    setpriv --no-new-privs "$CBUILD" "$@"
}

# What was made with subordinate ids is used without them, as far as it can be read, and with them again; the image is the same.
t_ids_that_come_and_go() {
    only range
    needs setpriv
    context c <<X
${base}RUN mkdir -p /d/e && echo 1 >/d/e/f && chown -R 5:6 /d && chown -h 7:8 /bin/ls && echo 2 >/d/g && ln /d/g /d/h && chown 5 /d/g
RUN rm /d/h
X
    cbuild -q -t local c >id
    printf 'FROM local\nRUN stat -c "%%n %%u:%%g" /d /d/* /d/e/f /bin/ls >/out && chown 9 /d/e/f\n' >c/On.Dockerfile
    has "$(without_ids c 2>&1)" "0 steps run, 4 cached"
    without_ids -q -f c/On.Dockerfile c >without
    without_ids run local stat -c '%n %u:%g' /d /d/e /d/g /d/e/f /bin/ls >owners
    same "$(cat owners)" "/d 5:6
/d/e 5:6
/d/g 5:0
/d/e/f 5:6
/bin/ls 7:8"
    same "$(cbuild -q c)" "$(cat id)"
    same "$(cbuild run local stat -c '%n %u:%g' /d /d/e /d/g /d/e/f /bin/ls)" "$(cat owners)"
    same "$(cbuild -q -f c/On.Dockerfile c)" "$(cat without)"
    same "$(without_ids run local stat -c %u:%g /d/e/f)" 5:6
    python3 -I -S "$E2E_HERE/../attack/layers.py" "$CBUILD_ROOT" "no secret is here" || die "layers are not what their indexes say"
}

# Files that only their owner may read are out of reach then: the step is run again, and an image that cannot be made anew says why.
t_ids_that_are_gone() {
    only range
    needs setpriv
    context c <<X
${base}RUN echo 1 >/f && chmod 600 /f && chown 5 /f
X
    cbuild -q -t local c >id
    printf 'FROM local\nRUN true\n' >c/On.Dockerfile
    fails 1 without_ids -f c/On.Dockerfile c
    has "$out" "no_new_privs"
    has "$out" "belong to subordinate ids"
    has "$out" "build 'docker.io/library/local:latest' again"
    hasnt "$out" 0000000000000000
    fails 125 without_ids run local true
    has "$out" "belong to subordinate ids"
    has "$(without_ids c 2>&1)" "1 step run, 2 cached"
    without_ids -q -f c/On.Dockerfile c >without
    same "$(cbuild -q c)" "$(cat id)"
    same "$(cbuild -q -f c/On.Dockerfile c)" "$(cat without)"
    same "$(cbuild run local stat -c %u:%a /f)" 5:600
}

# A directory with links of others that becomes a link itself leads nowhere on the host.
t_a_directory_of_links_that_becomes_a_link() {
    context c <<X
${base}RUN mkdir /d && ln -s x /d/l && chown -h 5:6 /d/l && mkfifo /p && chown 7:8 /p
RUN rm -r /d && ln -s /root /d && stat -c %u:%g /p >/out
X
    printf 'RUN stat -c %%u:%%g /d /p >/out && [ ! -e /d/l ]\n' >>c/Dockerfile
    rootfs c
    same "$(cat root/out)" "0:0
7:8"
}

# As many groups as the kernel allows, and one more.
t_a_user_in_many_groups() {
    groups() { # groups N: besides his own
        awk -v n="$1" 'BEGIN { print "root:x:0:"; for (i = 1; i <= n; i++) print "g" i ":x:" i ":app" }' >c/group
    }
    context c <<X
FROM scratch
COPY busybox /bin/busybox
COPY group /etc/group
RUN ["/bin/busybox", "sh", "-c", "echo app:x:0:0::/:/bin/sh >/etc/passwd"]
COPY count /
USER app
RUN ["/count"]
X
    printf '#include <stdio.h>\n#include <unistd.h>\nint main(void)\n{\n    printf("%%d groups\\n", getgroups(0, NULL));\n}\n' >count.c
    gcc -static -o c/count count.c
    groups 65535
    cbuild --progress=plain c >log 2>&1 || die "$(cat log)"
    grep -q ' 65536 groups$' log || die "$(cat log)"
    groups 65536
    fails 1 cbuild c
    has "$out" "user 'app' is in 65537 groups of the image's /etc/group: the kernel allows 65536"
}

# The limit that carries ids is not the command's to have; any number of open files is enough for it.
t_limits_where_owners_are_emulated() {
    only single
    context c <<X
${base}RUN touch /f && chown 5 /f && [ \$(stat -c %u /f) = 5 ]
X
    cbuild --ulimit nofile=6:6 --ulimit rttime=-1 c
    fails 1 cbuild --no-cache --ulimit rttime=1000000 c
    has "$out" "--ulimit rttime cannot be honoured where owners are emulated"
    prlimit --nofile=60:60 "$CBUILD" --no-cache c
}

# Some 600 calls with arguments of all kinds, and programs with set-id bits: emulated owners answer as the kernel does.
t_calls_answer_as_the_kernel_does() {
    only range
    context c <<X
${base}COPY owner-calls /owner-calls
RUN mkdir /out && { /owner-calls 2>&1 | cat >/out/said; }
X
    gcc -std=gnu11 -D_GNU_SOURCE -O1 -Wall -Wextra -Werror -Wno-unused-result -static -o c/owner-calls "$E2E_HERE/owner-calls.c"
    cbuild -o type=tar,dest=ids.tar c
    CBUILD_ROOT=$PWD/single unshare -Ur "$CBUILD" -o type=tar,dest=told.tar c
    tar -xOf ids.tar out/said >ids
    tar -xOf told.tar out/said >told
    has "$(tail -n 1 ids)" "runs as: uids 0 5 5"
    diff ids told || die "not the same"
}
