/* The files of /etc that a sandbox has instead of the image's. `uplink`: it has the build's network (runtime/network/uplink.h),
 * not the host's. */
#ifndef BUILD_ETC_FILES_H
#define BUILD_ETC_FILES_H

#include "builder/session/request.h"

/* /etc/hosts: the lines that --add-host asks for; those of the sandbox itself come before them. Caller frees. */
char *build_hosts_added(const struct build_request *q, bool uplink);

/* /etc/resolv.conf: the host's, as far as the request does not say otherwise and it is of use in the sandbox. Caller frees; NULL:
 * the image's own is to be seen (--dns=none). */
char *build_resolv_file(const struct build_request *q, bool uplink);
/* The same with the host's file as text; `upstream`: the servers behind its resolver, in the same form. */
char *build_resolv_text(const struct build_request *q, bool uplink, const char *host, const char *upstream);

#endif
