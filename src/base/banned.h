/* base/banned.h: functions that make mistakes easy do not compile here. Forced into every file by the build. */
#ifndef STERNPOST_BASE_BANNED_H
#define STERNPOST_BASE_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

/* glibc makes macros of these two when clang compiles with _FORTIFY_SOURCE. */
#undef sprintf
#undef vsprintf
#pragma GCC poison strcpy strcat strncpy strncat sprintf vsprintf strtok gets
#pragma GCC poison atoi atol atoll system popen gmtime localtime asctime ctime

#endif
