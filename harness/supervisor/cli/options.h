/*
 * options.h: what `run`, `replay` and `module` read alike from the command line.
 */
#ifndef SUPERVISOR_OPTIONS_H
#define SUPERVISOR_OPTIONS_H

#include <harness/supervisor/run/run.h>

/** options_number() - a whole number, ERROR_USAGE with "--NAME: 'TEXT' is not a number". */
int options_number(const char *name, const char *text, uint64_t low, uint64_t high, uint64_t *out,
                   struct error *e);

/** options_duration() - "30m", "8h", "90" or "90s", "250ms" in seconds. */
int options_duration(const char *name, const char *text, double *seconds, struct error *e);

/** options_share() - "1%", "0.001" or "1/2000" as a share inside (0, 1). */
int options_share(const char *name, const char *text, double *share, struct error *e);

/** options_injection() - "thread-kill[@SITE|@POINT]". */
int options_injection(const char *text, struct run_injection *out, struct error *e);

/** options_add_injection() - one more --inject; ERROR_USAGE if there are too many. */
int options_add_injection(struct run_options *options, const char *text, struct error *e);

/** options_mode() - "free" or "controlled". */
int options_mode(const char *text, uint32_t *mode, struct error *e);

/** options_seed() - a random one from the system. */
uint64_t options_seed(void);

/** options_status() - exit status of an error that ends the program before or instead of a run. */
int options_status(int code);

#endif
