/* freestanding: a program of the host. It must never run inside a sandbox, also not as the loader of another one. */
#include "freestanding.h"

void start(void)
{
    put("REACHED: a program of the host was executed\n");
    end();
}
