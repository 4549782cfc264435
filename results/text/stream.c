/*
 * stream: the one look at a stream's state that every report takes at its end, so that the
 * many small writes before need none.
 */
#include <results/text/stream.h>

#include <errno.h>
#include <string.h>

int stream_check(FILE *out, struct error *e)
{
    int code;

    errno = 0;
    if (fflush(out) == 0 && !ferror(out))
        return 0;
    code = errno == ENOSPC || errno == EDQUOT ? ERROR_FULL : ERROR_SYSTEM;
    return error_set(e, code,
                     "report: the output: not all of it could be written (%s): make room, "
                     "then ask for the report again",
                     errno != 0 ? strerror(errno) : "an earlier write failed");
}
