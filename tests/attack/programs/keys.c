/* keys add COMMAND…: runs the command with a key in a session keyring of its own and in the user's, as a desktop's login
 * leaves them. keys: looks for that key from every keyring that can be named, and at those that can be seen by number. */
#include "attack.h"

#include <linux/keyctl.h>
#include <sys/syscall.h>

#define NAME "cbuild-canary"

static long keyctl(int op, long a, long b, long c, long d)
{
    return syscall(SYS_keyctl, op, a, b, c, d);
}

static int add(char **argv)
{
    const long rings[] = {KEY_SPEC_SESSION_KEYRING, KEY_SPEC_USER_KEYRING};
    if (keyctl(KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0) < 0)
        return 77; /* this machine has no keys, or no room for more */
    for (size_t i = 0; i < 2; i++)
        if (syscall(SYS_add_key, "user", NAME, "secret", 6, rings[i]) < 0)
            return 77;
    execv(argv[0], argv);
    return 127;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *what;
        long ring;
    } rings[] = {
        {"key of the thread", KEY_SPEC_THREAD_KEYRING},
        {"key of the process", KEY_SPEC_PROCESS_KEYRING},
        {"key of the session", KEY_SPEC_SESSION_KEYRING},
        {"key of the user", KEY_SPEC_USER_KEYRING},
        {"key of the user's session", KEY_SPEC_USER_SESSION_KEYRING},
    };
    char text[16];
    if (argc > 2 && strcmp(argv[1], "add") == 0)
        return add(argv + 2);
    for (size_t i = 0; i < sizeof(rings) / sizeof(rings[0]); i++) {
        long key = keyctl(KEYCTL_SEARCH, rings[i].ring, (long)"user", (long)NAME, 0);
        must_fail(rings[i].what, key < 0 ? key : keyctl(KEYCTL_READ, key, (long)text, sizeof(text), 0));
    }
    must_fail("key by request", syscall(SYS_request_key, "user", NAME, NULL, 0));
    for (long n = 1; argc > 1 && n < argc; n++)
        must_fail("key by number", keyctl(KEYCTL_READ, strtol(argv[n], NULL, 16), (long)text, sizeof(text), 0));
    return 0;
}
