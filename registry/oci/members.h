/* The members of a tar file that is read in place: one pass over its headers finds where each lies, and nothing is unpacked.
 * The file is hostile: names are only looked up, links lead to other members of it, and what is told of sizes is compared with
 * the file. */
#ifndef OCI_MEMBERS_H
#define OCI_MEMBERS_H

#include "base/digest.h"
#include "base/map.h"
#include "base/stream/codec.h"

struct oci_member {
    uint64_t offset, size;
    char *link;  /* the cleaned path that a link leads to; NULL: it is a file */
    char *bytes; /* of a document that was made here (docker-archive.h): instead of the offset; NULL: in the file */
    bool hashed; /* `digest` is known */
    struct cb_digest digest;
};
struct oci_members {
    int fd;            /* of the tar */
    struct cb_map map; /* cleaned relative path -> struct oci_member */
    uint64_t memory;   /* that all of them take, which is bounded */
};
#define OCI_MEMBERS_INIT ((struct oci_members){.fd = -1})
/* `fd` is an uncompressed tar that can be read at any place; it is taken over, also on failure. Of equal names the last one
 * counts. */
int oci_members_read(int fd, struct oci_members *ret, struct cb_error *err);
void oci_members_done(struct oci_members *m);

/* NULL: there is no such file. Links are followed within the archive. */
struct oci_member *oci_members_find(const struct oci_members *m, const char *path);
/* Another name for what is there, or a document that was made here, which is copied. */
int oci_members_add(struct oci_members *m, const char *path, const struct oci_member *member, struct cb_error *err);
/* Of its bytes, made once. */
int oci_members_digest(const struct oci_members *m, struct oci_member *member, struct cb_digest *ret, struct cb_error *err);
/* All of it into `sink`. Any number of threads at once. */
int oci_members_copy(const struct oci_members *m, const struct oci_member *member, cb_sink_fn *sink, void *arg,
                     struct cb_error *err);

#endif
