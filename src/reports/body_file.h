/* reports/body_file.h: the body of a request on its way. It goes into a file without a name in a folder of ours, so that what
 * strangers send takes no memory before its turn comes (RPT-08), and nothing of it is left when the process ends. */
#ifndef STERNPOST_REPORTS_BODY_FILE_H
#define STERNPOST_REPORTS_BODY_FILE_H

#include "base/arena.h"

struct body_file;

/* Readable for nobody else, at most `max` bytes. ERR_FULL: the disk is; ERR_NOT_FOUND, ERR_TEMPORARY: no file can be made. */
MUST_USE enum status body_file_new(const char *folder, size_t max, struct body_file **out, struct fault *why);
void body_file_free(struct body_file *f); /* NULL is fine */

/* ERR_LIMIT: beyond the maximum; ERR_FULL; ERR_TEMPORARY. After an error it is of no use. */
MUST_USE enum status body_file_add(struct body_file *f, struct slice piece, struct fault *why);
/* All of it, in `arena`. From any thread, when nobody adds. ERR_TEMPORARY. */
MUST_USE enum status body_file_read(const struct body_file *f, struct arena *arena, struct slice *out,
                                    struct fault *why);

#endif
