/* registries.conf, version 2 (containers-registries.conf(5)): where the images of a name really are.
 * Files: $CONTAINERS_REGISTRIES_CONF alone, or the user's ($XDG_CONFIG_HOME, ~/.config), or else
 * /etc/containers/registries.conf; without the variable also the *.conf of registries.conf.d beside the
 * system's and the user's file, which replace entries with the same prefix.
 * unqualified-search-registries is read and checked but not used: short names mean Docker Hub, as in every Dockerfile, but for
 * those that the user has given an alias. The aliases that distributions ship (shortnames.conf) are not his. Read once, then
 * immutable: any number of threads may ask. */
#ifndef REG_HOSTS_H
#define REG_HOSTS_H

#include "registry/oci/reference.h"
#include "registry/transfer/options.h"

struct reg_hosts;

/* What `o` says comes first; it is borrowed. NULL: a mistake in a file, named with its line. */
struct reg_hosts *reg_hosts_load(const struct reg_options *o, struct cb_error *err);
/* Its credential-helpers; none: the files that credentials.h names. Borrowed. */
const struct cb_strv *reg_hosts_helpers(const struct reg_hosts *h);
/* Adds what `text` says (a file's content); `file` names it in messages. */
int reg_hosts_read(struct reg_hosts *h, const char *text, size_t n, const char *file, struct cb_error *err);
struct reg_hosts *reg_hosts_new(void); /* knows nothing yet */
void reg_hosts_free(struct reg_hosts *h);
CB_DEFINE_AUTO_PTR(reg_hosts, struct reg_hosts, reg_hosts_free)

/* What a name without a registry stands for, with the tag or digest it has. 1: *ret is the caller's; 0: there is no alias for it;
 * -1: what the alias stands for is no name. Reads the files. */
int reg_alias_find(const struct reg_options *o, const char *text, char **ret, struct cb_error *err);

struct reg_endpoint {
    char *domain;  /* as in names and credential files: "docker.io", "localhost:5000" */
    char *host;    /* whom to call: "registry-1.docker.io", "localhost:5000" */
    char *path;    /* repository there: "library/busybox" */
    bool insecure; /* https unverified, then plain http */
    bool mirror;
};
struct reg_endpoints {
    struct reg_endpoint *items;
    size_t n, cap;
};
void reg_endpoints_done(struct reg_endpoints *e);
CB_DEFINE_AUTO(reg_endpoints, struct reg_endpoints, reg_endpoints_done)

/* Whom to ask for `ref`, in order: mirrors, then the place itself (for a push: it alone). The last is never called a
 * mirror. -1: the name is blocked (CB_E_DENIED) or a rewrite makes no sense. */
int reg_hosts_resolve(const struct reg_hosts *h, const struct oci_ref *ref, bool push, struct reg_endpoints *ret,
                      struct cb_error *err);
/* The registry itself, wherever the names of its images may lead: whom to log in to. `path` may be "". -1: it is blocked. */
int reg_hosts_itself(const struct reg_hosts *h, const char *domain, const char *path, struct reg_endpoints *ret,
                     struct cb_error *err);

#endif
