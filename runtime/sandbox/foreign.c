/* An interpreter is registered with the flags
 *   F  it is opened now, by us: the image needs no copy of it, and cannot put another in its place
 *   P  programs see the name that they were started by
 *   C  set-user-ID programs of the image work (su, sudo); all of that happens inside the step's user namespace
 * It is a file of the host, and what the image's programs see as /proc/self/exe. So it is opened through a mount of its own
 * that is read-only for good (CVE-2019-5736) and belongs to no mount namespace. */
#include "runtime/sandbox/foreign.h"
#include "base/fd.h"
#include "base/proc.h"
#include "runtime/mount/mounts.h"
#include "runtime/rung/userns.h"

#include <elf.h>
#include <endian.h>
#include <link.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef EM_LOONGARCH
#define EM_LOONGARCH 258
#endif

static const struct machine {
    const char *arch; /* as in platforms */
    const char *qemu; /* as in the name of its emulator */
    uint8_t class, data;
    uint16_t number;
    const char *compat; /* what uname(2) tells 32-bit programs on a 64-bit machine that executes these itself */
} machines[] = {
    {"amd64", "x86_64", ELFCLASS64, ELFDATA2LSB, EM_X86_64, NULL},
    {"386", "i386", ELFCLASS32, ELFDATA2LSB, EM_386, "i686"},
    {"arm64", "aarch64", ELFCLASS64, ELFDATA2LSB, EM_AARCH64, NULL},
    {"arm", "arm", ELFCLASS32, ELFDATA2LSB, EM_ARM, "armv8l"},
    {"riscv64", "riscv64", ELFCLASS64, ELFDATA2LSB, EM_RISCV, NULL},
    {"ppc64le", "ppc64le", ELFCLASS64, ELFDATA2LSB, EM_PPC64, NULL},
    {"ppc64", "ppc64", ELFCLASS64, ELFDATA2MSB, EM_PPC64, NULL},
    {"s390x", "s390x", ELFCLASS64, ELFDATA2MSB, EM_S390, NULL},
    {"mips64le", "mips64el", ELFCLASS64, ELFDATA2LSB, EM_MIPS, NULL},
    {"mips64", "mips64", ELFCLASS64, ELFDATA2MSB, EM_MIPS, NULL},
    {"mipsle", "mipsel", ELFCLASS32, ELFDATA2LSB, EM_MIPS, NULL},
    {"mips", "mips", ELFCLASS32, ELFDATA2MSB, EM_MIPS, NULL},
    {"loong64", "loongarch64", ELFCLASS64, ELFDATA2LSB, EM_LOONGARCH, NULL},
};

static const struct machine *find_machine(const char *arch)
{
    for (size_t i = 0; i < CB_LEN(machines); i++)
        if (strcmp(machines[i].arch, arch) == 0)
            return &machines[i];
    return NULL;
}

/* The beginning of every program of the machine. */
#define HEAD 20
static void program_head(const struct machine *m, unsigned char out[HEAD])
{
    uint16_t type = m->data == ELFDATA2LSB ? htole16(ET_EXEC) : htobe16(ET_EXEC);
    uint16_t number = m->data == ELFDATA2LSB ? htole16(m->number) : htobe16(m->number);
    memset(out, 0, HEAD);
    memcpy(out, ELFMAG, SELFMAG);
    out[EI_CLASS] = m->class;
    out[EI_DATA] = m->data;
    out[EI_VERSION] = EV_CURRENT;
    memcpy(out + EI_NIDENT, &type, sizeof(type));
    memcpy(out + EI_NIDENT + sizeof(type), &number, sizeof(number));
}

/* ---- can they be executed already? ---------------------------------------------------------- */

struct trial {
    const struct machine *m;
    int program, empty, null;
    bool works;
};

static bool is_native(const struct machine *m)
{
    struct utsname u;
    return m->compat && personality(PER_LINUX32) >= 0 && uname(&u) == 0 && strcmp(u.machine, m->compat) == 0;
}

/* In a process of its own that shares our memory. The root is empty: an interpreter that would have to be in the image is
 * none. */
static int try_program(void *arg)
{
    struct trial *t = arg;
    static const char *const argv[] = {"program", NULL};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    t->works = is_native(t->m);
    if (t->works || fchdir(t->empty) < 0 || chroot(".") < 0 || dup2(t->null, 0) < 0 || dup2(t->null, 1) < 0 ||
        dup2(t->null, 2) < 0)
        _exit(0);
    t->works = true; /* unless we come back: the interpreter sees that this is no program, and ends */
    (void)execveat(t->program, "", (char *const *)argv, (char *const *)(argv + 1), AT_EMPTY_PATH);
    t->works = false;
    _exit(0);
}

/* A file in an empty directory: its descriptor, or -errno; *ret_dir is the caller's even then. */
static int make_program(const struct machine *m, int *ret_dir)
{
    unsigned char head[sizeof(Elf64_Ehdr)] = {0};
    program_head(m, head);
    *ret_dir = rt_mount_new("tmpfs", NULL, 0, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
    if (*ret_dir < 0)
        return *ret_dir;
    CB_AUTO(close) int file = openat(*ret_dir, "program", O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0700);
    int r = file < 0 ? -errno : cb_write_full(file, head, sizeof(head));
    file = cb_close(file); /* what is open for writing is not executed */
    int fd = r < 0 ? r : openat(*ret_dir, "program", O_PATH | O_CLOEXEC);
    (void)unlinkat(*ret_dir, "program", 0);
    return fd < 0 && r == 0 ? -errno : fd;
}

static int can_execute(const struct machine *m, bool *ret)
{
    int status, dir;
    CB_AUTO(close) int program = make_program(m, &dir);
    CB_AUTO(close) int empty = dir;
    CB_AUTO(close) int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (program < 0 || null < 0)
        return program < 0 ? program : -errno;
    struct trial t = {m, program, empty, null, false};
    pid_t pid = rt_clone_briefly(0, try_program, &t);
    if (pid < 0 || CB_RETRY(waitpid(pid, &status, 0)) < 0)
        return -errno;
    *ret = t.works;
    return 0;
}

/* ---- the emulator --------------------------------------------------------------------------- */

/* One that needs a loader would look for it in the image. */
static bool is_static(int fd)
{
    ElfW(Ehdr) h;
    ElfW(Phdr) p;
    if (pread(fd, &h, sizeof(h), 0) != sizeof(h) || memcmp(h.e_ident, ELFMAG, SELFMAG) != 0 || h.e_phentsize != sizeof(p))
        return false;
    for (unsigned i = 0; i < h.e_phnum; i++)
        if (pread(fd, &p, sizeof(p), (off_t)(h.e_phoff + i * sizeof(p))) != sizeof(p) || p.p_type == PT_INTERP)
            return false;
    return h.e_phnum > 0;
}

static int open_static(const char *path)
{
    CB_AUTO(close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    return fd >= 0 && is_static(fd) && faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == 0 ? cb_take_fd(&fd) : -1;
}

/* A descriptor, or -1: there is none. */
static int find_emulator(const struct machine *m)
{
    const char *dirs = getenv("PATH");
    CB_AUTO(free) char *all = cb_printf("%s:/usr/local/bin:/usr/bin", dirs && *dirs ? dirs : "/usr/bin");
    static const char *const names[] = {"qemu-%s-static", "qemu-%s"};
    for (size_t i = 0; i < CB_LEN(names); i++) {
        CB_AUTO(free) char *name = cb_printf(names[i], m->qemu);
        int fd = -1;
        const char *rest = all;
        for (char *path; fd < 0 && (path = cb_path_next(&rest, name)); free(path))
            fd = open_static(path);
        if (fd >= 0)
            return fd;
    }
    CB_AUTO(free) char *packed = cb_printf("/usr/libexec/qemu-binfmt/%s-binfmt-P", m->qemu); /* Debian */
    return open_static(packed);
}

/* The same file through a mount that nothing can be written to. */
static int readonly_copy(int fd)
{
    CB_AUTO(close) int mnt = rt_mount_clone(fd, "");
    int r = mnt < 0 ? mnt : rt_mount_restrict(mnt, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
    return r < 0 ? r : cb_take_fd(&mnt);
}

/* ---- registering it ------------------------------------------------------------------------- */

static void put_hex(struct cb_buf *out, const unsigned char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        cb_buf_printf(out, "\\x%02x", bytes[i]);
}

/* The ABI and the padding are anything, and the type is ET_EXEC or ET_DYN, which differ in one bit. */
static void put_rule(struct cb_buf *out, const struct machine *m, int interpreter)
{
    unsigned char head[HEAD], mask[HEAD];
    program_head(m, head);
    memset(mask, 0xff, sizeof(mask));
    memset(mask + EI_OSABI, 0, EI_NIDENT - EI_OSABI);
    mask[EI_NIDENT + (m->data == ELFDATA2LSB ? 0 : 1)] = 0xfe;
    cb_buf_printf(out, ":qemu-%s:M:0:", m->qemu);
    put_hex(out, head, HEAD);
    cb_buf_addc(out, ':');
    put_hex(out, mask, HEAD);
    cb_buf_printf(out, ":/proc/self/fd/%d:PCF", interpreter);
}

/* The mount stays as long as the helper: the registrations go with the last mount of a user namespace. Where another job was
 * faster there are two of them, which show the same. */
static int register_emulator(const struct machine *m, int emulator)
{
    CB_AUTO(cb_buf) struct cb_buf rule = CB_BUF_INIT;
    CB_AUTO(close) int interpreter = readonly_copy(emulator);
    CB_AUTO(close) int mnt = interpreter < 0 ? -1 : rt_mount_new("binfmt_misc", NULL, 0, RT_ATTR_SAFE);
    if (interpreter < 0 || mnt < 0)
        return interpreter < 0 ? interpreter : mnt;
    int r = rt_mount_attach(mnt, AT_FDCWD, "/proc/sys/fs/binfmt_misc");
    CB_AUTO(close) int file = openat(mnt, "register", O_WRONLY | O_CLOEXEC);
    if (r < 0 || file < 0)
        return r < 0 ? r : -errno;
    put_rule(&rule, m, interpreter);
    return write(file, rule.data, rule.len) < 0 && errno != EEXIST ? -errno : 0;
}

/* ---- the whole ------------------------------------------------------------------------------ */

static char *why_not_registered(int sys)
{
    if (sys == -EPERM)
        return cb_strdup("before Linux 6.7 only root can register emulators, for the whole machine: install the packages "
                         "'qemu-user-static' and 'binfmt-support' there");
    if (sys == -ENODEV)
        return cb_strdup("this kernel has no binfmt_misc (CONFIG_BINFMT_MISC), which emulators need");
    return cb_printf("its emulator could not be registered with the kernel: %s", strerror(-sys));
}

char *rt_foreign_enable(const struct rt_privilege *p, const char *arch)
{
    const struct machine *m = find_machine(arch);
    bool works = false;
    if (!m)
        return cb_printf("cbuild knows no emulator for %s", arch);
    int r = can_execute(m, &works);
    if (works)
        return NULL;
    CB_AUTO(close) int emulator = find_emulator(m);
    if (emulator < 0)
        return cb_printf("install the package 'qemu-user-static', which has the emulator qemu-%s-static", m->qemu);
    if (!(p->rung->namespaces[RT_HELPER_COMMANDS] & CLONE_NEWUSER))
        return cb_strdup("cbuild registers an emulator only in a user namespace of its own, and RUN has none here: install the "
                         "packages 'qemu-user-static' and 'binfmt-support' on the machine");
    if (r == 0)
        r = register_emulator(m, emulator);
    return r < 0 ? why_not_registered(r) : NULL;
}

void rt_foreign_explain(int root, const char *program, const char *why_not, char *out, size_t size)
{
    unsigned char head[HEAD] = {0}, known[HEAD];
    CB_AUTO(close) int fd = cb_open_in_root(root, program, O_RDONLY | O_NONBLOCK | O_CLOEXEC, 0);
    ssize_t n = fd < 0 ? -1 : pread(fd, head, HEAD, 0);
    *out = '\0';
    if (n < 0)
        return;
    if (n < HEAD || memcmp(head, ELFMAG, SELFMAG) != 0) {
        snprintf(out, size, "it is no program, and no script that begins with #!");
        return;
    }
    memset(head + EI_OSABI, 0, EI_NIDENT - EI_OSABI);
    for (size_t i = 0; i < CB_LEN(machines); i++) {
        program_head(&machines[i], known);
        memcpy(known + EI_NIDENT, head + EI_NIDENT, 2); /* of any type */
        if (memcmp(head, known, HEAD) != 0)
            continue;
        CB_AUTO(free) char *other = cb_printf("its image is not: name the platform with --platform linux/%s", machines[i].arch);
        snprintf(out, size, "it is a program for %s; %s", machines[i].arch, why_not ? why_not : other);
        return;
    }
    snprintf(out, size, "it is a program for a machine that cbuild does not know");
}
