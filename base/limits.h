/* Every bound on input from outside, in one place, each with its reason. */
#ifndef CB_LIMITS_H
#define CB_LIMITS_H

#define CB_MAX_DOCKERFILE      (64u << 20) /* generated files are large; bigger ones are a mistake */
#define CB_MAX_INSTRUCTIONS    1000000u    /* of one Dockerfile: bounds memory to about 16 times its size */
#define CB_MAX_IGNOREFILE      (16u << 20)
#define CB_MAX_IGNORE_PATTERNS 65536u       /* each costs a byte for every open directory */
#define CB_MAX_IGNORE_REPEATS  (1u << 20)   /* sum of all {n}; each costs a position */
#define CB_MAX_IGNORE_PATTERN  65536u       /* length of one; BuildKit's line reader ends there too */
#define CB_MAX_MANIFEST        (4u << 20)   /* the size registries must accept (distribution-spec) */
#define CB_MAX_CONFIG          (8u << 20)   /* image config: histories of thousands of steps fit */
#define CB_MAX_BLOB            (1ull << 42) /* size in a descriptor: 4 TiB; sums over a manifest cannot overflow */
#define CB_MAX_FILE            (1ull << 40) /* of a layer: a sparse file costs nothing to make, but each byte has to be hashed */
#define CB_MAX_HTTP_BODY       (8u << 20)   /* error pages, token answers */
#define CB_MAX_HTTP_HEADER     (64u << 10)
#define CB_MAX_JSON_DEPTH      64
#define CB_MAX_SYMLINKS        255          /* as BuildKit resolves paths in an image */
#define CB_MAX_LINK_BYTES      (1ull << 30) /* of the links followed while one layer is made; each entry may go through many */
#define CB_MAX_PATH            65536        /* of an entry in a layer; the kernel's own limit is 4096 a call */
#define CB_MAX_XATTR           65536        /* the kernel's limit for one value */
#define CB_MAX_ENTRIES         20000000u    /* of one layer */
#define CB_MAX_LAYERS          499          /* overlay refuses the 501st (sandbox-costs.md §4); one is for mount points */
#define CB_MAX_PASSWD          (10u << 20)  /* /etc/passwd and /etc/group of an image, as BuildKit */
#define CB_MAX_STORE_JSON      (64u << 20)  /* records and layer meta of our own store */
#define CB_MAX_NESTING         256          /* ${…} inside ${…} */
#define CB_MAX_EXPANDED        (16u << 20)  /* what values may add to one expansion: ENV A=$A$A doubles each time */
#define CB_MAX_EXPAND_STEPS    (1ull << 32) /* comparisons of ${x//p/r} in one expansion: some seconds */
#define CB_MAX_EXPOSED         (1u << 20)   /* ports of one EXPOSE: a few whole ranges */
#define CB_MAX_SHOWN           4096         /* bytes of a message that people are shown; the middle is left out */
#define CB_MAX_SHOWN_WORD      512          /* the same for one word in it: a name, a URL */
#define CB_MAX_MESSAGE         (160u << 10) /* one datagram between the processes of a build */

#endif
