/* The files of /etc that a sandbox has instead of the image's. */
#ifndef BUILD_ETC_FILES_H
#define BUILD_ETC_FILES_H

#include "builder/session/request.h"

/* /etc/hosts: the sandbox itself, and what --add-host names. Caller frees. */
char *build_hosts_file(const struct build_request *q, const char *hostname);
/* /etc/resolv.conf. Caller frees. */
char *build_resolv_file(void);

#endif
