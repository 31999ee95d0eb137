/* freestanding: says which file /proc/self/exe is, as SEEN dev:ino size, and tries to change it. */
#include "freestanding.h"

static const char *const names[] = {"/proc/self/exe", "/proc/1/exe", "/proc/self/task/1/exe"};

static void look_at(const char *name)
{
    struct stat st;
    if (call(SYS_newfstatat, AT_FDCWD, (long)name, (long)&st, 0) < 0)
        return;
    put("SEEN ");
    put_number(st.st_dev);
    put(":");
    put_number(st.st_ino);
    put(" ");
    put_number((unsigned long)st.st_size);
    put(" ");
    put(name);
    put("\n");
    call(SYS_fchmodat, AT_FDCWD, (long)name, 07777, 0);
    call(SYS_fchownat, AT_FDCWD, (long)name, 12, 12);
    long fd = call(SYS_openat, AT_FDCWD, (long)name, O_WRONLY, 0);
    if (fd >= 0)
        call(SYS_write, fd, (long)"#!/damaged\n", 11, 0);
}

void start(void)
{
    put("IDENT ran\n");
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        look_at(names[i]);
    end();
}
