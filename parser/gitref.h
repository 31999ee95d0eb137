/* Git references as ADD and the build context take them (dockerfile.md §12.1, §16). Pure text. */
#ifndef CB_PARSER_GITREF_H
#define CB_PARSER_GITREF_H

#include "base/buf.h"
#include "base/error.h"

enum df_git_mtime { DF_GIT_MTIME_UNSET, DF_GIT_MTIME_CHECKOUT, DF_GIT_MTIME_COMMIT };

/* Strings are owned, never NULL after success, "" when not given. */
struct df_gitref {
    char *remote;     /* what git is given, without fragment and query; may hold user:password */
    char *short_name; /* "buildkit" of "https://github.com/moby/buildkit.git" */
    char *ref;        /* branch, tag or commit; tag= and branch= as refs/tags/…, refs/heads/… */
    char *subdir;
    char *checksum;
    enum df_git_mtime mtime;
    bool has_keep_git_dir, keep_git_dir;
    bool has_submodules, submodules;
    bool fetch_by_commit;
    bool unencrypted; /* http:// or git:// */
    bool like_local;  /* "github.com/…": also a path; ADD takes it as a path, a build context as git */
};
void df_gitref_done(struct df_gitref *g);
CB_DEFINE_AUTO(df_gitref, struct df_gitref, df_gitref_done)

/* 1: a git reference, *ret is filled. 0: it is not one. -1: it is one with a mistake in it (CB_E_DOCKERFILE). */
int df_gitref_parse(const char *text, struct df_gitref *ret, struct cb_error *err);

#endif
