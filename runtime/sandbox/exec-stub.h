/* What the exec stub and whoever starts it agree on. Internal to runtime/. */
#ifndef RT_EXEC_STUB_H
#define RT_EXEC_STUB_H

#define RT_EXEC_REPORT 3   /* the descriptor that takes execve's errno */
#define RT_EXEC_FAILED 127 /* the stub's exit status when the command could not be executed */

#endif
