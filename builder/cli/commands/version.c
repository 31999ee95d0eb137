#include "builder/cli/commands/version.h"
#include "base/stream/codec.h"
#include "base/json.h"

#include <dlfcn.h>
#include <stdio.h>

static void print_lazy(const char *name, const char *soname, const char *symbol)
{
    void *lib = dlopen(soname, RTLD_NOW | RTLD_LOCAL);
    const char *(*version)(void) = lib ? (const char *(*)(void))dlsym(lib, symbol) : NULL;
    if (version)
        puts(version());
    else
        printf("%s: not installed\n", name);
}

void cli_print_version(bool all)
{
    printf("cbuild %s\n", CBUILD_VERSION);
    printf("jansson %s", jansson_version_str());
    for (const struct cb_codec *const *c = cb_codecs; *c; c++)
        if ((*c)->library)
            printf(", %s %s", (*c)->library, (*c)->version());
    putchar('\n');
    if (!all)
        return;
    print_lazy("libarchive", "libarchive.so.13", "archive_version_string");
    print_lazy("libcurl", "libcurl.so.4", "curl_version");
}
