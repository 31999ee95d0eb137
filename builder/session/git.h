/* How cbuild runs git: what the user, the machine or a repository has configured does not count. */
#ifndef BUILD_GIT_H
#define BUILD_GIT_H

#include "base/buf.h"

/* An environment for git. It ends with build_git_env_end, after which nothing is added. */
struct build_git_env {
    struct cb_strv vars;
    size_t n_settings;
};

/* Nothing of our own environment but what helps to reach the network, no configuration but ours, which runs no program.
 * `home`: an empty directory for git's own. */
void build_git_env_begin(struct build_git_env *e, const char *home);
/* All of our own environment, with the same settings over what is configured: for a repository of the user's. */
void build_git_env_of_user(struct build_git_env *e);
void build_git_env_set(struct build_git_env *e, const char *key, const char *value); /* as git -c KEY=VALUE */
void build_git_env_end(struct build_git_env *e);

/* Appends git's reason: what it marks as one (each once: it tries submodules twice), else the last line of `text`. */
void build_git_reason(const char *text, struct cb_buf *out);

#endif
