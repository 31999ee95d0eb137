# Contexts, commands and users' surroundings that no honest build has: nothing outside changes, nothing hangs.

t_devices_of_the_host_stay_as_they_are() {
    context c <<Y
${base}RUN chmod 666 /dev/full; chown 0:0 /dev/full; touch /dev/full; setfattr -n user.x -v y /dev/full; chmod 666 /proc/keys; \
    echo x >/dev/null && head -c 1 /dev/zero >/dev/null && (echo x >/dev/full) 2>&1 | grep -q "No space"
Y
    before=$(stat -c '%a %u %Y %Z' /dev/full /dev/null)
    sleep 0.01
    cbuild c 2>log || die "$(cat log)"
    same "$(stat -c '%a %u %Y %Z' /dev/full /dev/null)" "$before"
}
