/* Who we are for AWS, and services that took over its ways: what the command line says, else the environment, else the files of
 * the AWS command line. Sources, the first that has an access key wins:
 *   1. the keys given
 *   2. $AWS_ACCESS_KEY_ID, $AWS_SECRET_ACCESS_KEY, $AWS_SESSION_TOKEN
 *   3. $AWS_SHARED_CREDENTIALS_FILE, else ~/.aws/credentials: the section $AWS_PROFILE, else "default"
 *   4. $AWS_CONFIG_FILE, else ~/.aws/config: "profile NAME", else "default"
 * Nothing is asked over the network: on machines that get their credentials so, what starts the build has to export them. */
#ifndef REG_AWS_H
#define REG_AWS_H

#include "base/buf.h"
#include "base/error.h"

struct reg_aws {
    char *key_id, *secret, *session; /* key_id NULL: nobody, go anonymously */
    char *region;                    /* of the keys, $AWS_REGION, $AWS_DEFAULT_REGION or the files; NULL: nobody says */
};
void reg_aws_done(struct reg_aws *a);
CB_DEFINE_AUTO(reg_aws, struct reg_aws, reg_aws_done)

/* Fills in what `a` does not have yet. -1: half of a pair of keys, a damaged file, or one that a variable names and that cannot
 * be read. */
int reg_aws_find(struct reg_aws *a, struct cb_error *err);

/* The file's part of it, without a file: what section `name` says is put into the members that are NULL. -1: not such a file;
 * `file` is for messages. */
int reg_aws_read(struct reg_aws *a, const char *text, size_t n, const char *name, const char *file, struct cb_error *err);

#endif
