#include "registry/transfer/options.h"

void reg_options_done(struct reg_options *o)
{
    char *strings[] = {o->auth_file, o->conf_file, o->cert_dir, o->user};
    struct cb_strv *lists[] = {&o->insecure, &o->blocked, &o->aliases, &o->mirrors, &o->authorities, &o->clients};
    for (size_t i = 0; i < CB_LEN(strings); i++)
        free(strings[i]);
    for (size_t i = 0; i < CB_LEN(lists); i++)
        cb_strv_done(lists[i]);
    if (o->password)
        explicit_bzero(o->password, strlen(o->password));
    free(o->password);
    *o = (struct reg_options){0};
}
