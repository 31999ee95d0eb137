# The places that tests/tools/container makes are what their names say: a test in one of them means nothing otherwise.

# PLACE                   uid  capabilities      privileges seccomp ids        /        user-ns  mount-ns /proc
places='
docker                    0    00000000a80425fb  may-gain   filter  4294967295 overlay  EPERM    EPERM    masked
gitlab                    0    00000000a80425fb  may-gain   filter  4294967295 overlay  EPERM    EPERM    masked
docker-privileged         0    all               may-gain   none    4294967295 overlay  made     made     whole
podman                    0    00000000800405fb  may-gain   filter  4294967295 overlay  made     EPERM    masked
podman-privileged         0    all               may-gain   none    4294967295 overlay  made     made     whole
enosys                    0    00000000a80425fb  may-gain   filter  4294967295 overlay  ENOSYS   ENOSYS   masked
kubernetes                0    00000000a80425fb  may-gain   none    4294967295 overlay  made     EPERM    masked
kubernetes-default        0    00000000a80425fb  may-gain   filter  4294967295 overlay  EPERM    EPERM    masked
kubernetes-userns         0    00000000a80425fb  may-gain   none    65536      overlay  made     EPERM    masked
kubernetes-userns-default 0    00000000a80425fb  may-gain   filter  65536      overlay  EPERM    EPERM    masked
kubernetes-restricted     1000 0000000000000000  no-new     filter  4294967295 overlay  EPERM    EPERM    masked
chroot                    0    all               may-gain   none    4294967295 overlay  EPERM    made     whole
no-userns                 0    all               may-gain   filter  4294967295 any      ENOSPC   made     whole
'
probe='
import ctypes, errno, os, re
status = open("/proc/self/status").read()
field = lambda name: re.search(name + r":\s*(\w+)", status)[1]
def unshare(flag):
    pid = os.fork()
    if pid == 0:
        os._exit(ctypes.get_errno() if ctypes.CDLL(None, use_errno=True).unshare(flag) else 0)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return errno.errorcode[code] if code else "made"
root = [line.split() for line in open("/proc/self/mountinfo") if line.split()[4] == "/"][-1]
masked = any(line.split()[4].startswith("/proc/") for line in open("/proc/self/mountinfo"))
print(os.getuid(), field("CapEff"), "no-new" if field("NoNewPrivs") == "1" else "may-gain",
      "none" if field("Seccomp") == "0" else "filter", open("/proc/self/uid_map").read().split()[-1],
      "overlay" if root[root.index("-") + 1] == "overlay" else "any", unshare(0x10000000), unshare(0x00020000),
      "masked" if masked else "whole")
'
t_places_are_what_they_are_called() {
    only root
    needs crun
    all=$(sed -n 's/^CapBnd:\t//p' /proc/self/status)
    echo "$places" | sed '/^$/d' | tr -s ' ' | sed "s/ all / $all /" >expected
    "$E2E_HERE/../tools/container" --list >listed
    same "$(cut -d' ' -f1 expected | tr '\n' ' ')" "$(tr '\n' ' ' <listed)"
    while read -r place _; do
        status=0
        said=$(in_place "$place" /usr/bin/python3 -c "$probe") || status=$?
        [ $status != 77 ] || skip "this machine cannot give $place"
        echo "$place $said"
    done <expected >got
    sed -i 's/^\(no-userns .*\) overlay /\1 any /' got # it keeps the machine's own root
    diff expected got
}

# A volume is the case's own directory, / is gone afterwards, and the status is the command's.
t_what_a_place_leaves_behind() {
    only root
    needs crun
    status=0
    in_place docker sh -c 'echo kept >f && touch /gone && stat -f -c %T . /tmp >types && exit 7' || status=$?
    [ $status != 77 ] || skip "this machine cannot give a container"
    same "$status" 7
    same "$(cat f)" kept
    same "$(stat -f -c %T .)" "$(head -n 1 types)"
    same "$(tail -n 1 types)" overlayfs
    [ ! -e /gone ] || die "a file of the container is on the machine"
}
