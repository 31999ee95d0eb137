/* Labels of security modules for the command of a RUN: AppArmor's profile, SELinux's context. Internal to runtime/.
 * `root` is in front of /sys and /proc: "", or a directory that a test made. */
#ifndef RT_LABEL_H
#define RT_LABEL_H

#include "runtime/confine/confinement.h"

bool rt_label_has_apparmor(const char *root); /* in use on this machine */
/* Can such labels be used on this machine? 0, or -1 with the reason. AppArmor's "unconfined" can be used everywhere. */
int rt_label_check_apparmor(const char *root, const char *profile, struct cb_error *err);
int rt_label_check_selinux(const char *root, struct cb_error *err);
/* What this process executes next gets them. While the host's /proc is in view: one that an image put there would make it a
 * write into nothing (CVE-2019-16884). */
int rt_label_apply(const char *root, const struct rt_confinement *c, struct cb_error *err);

#endif
